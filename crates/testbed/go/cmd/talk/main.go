// Command talk answers in every protocol that a component may speak, and asks others in it: HTTP and WebSocket on one
// port, gRPC on another, bare TCP on a third. It says back what it was told, and which of its copies says so.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	patience = 10 * time.Second
	longest  = time.Minute
	say      = "/testbed.Talk/Say"
)

func main() {
	log.SetFlags(log.LUTC | log.Ldate | log.Ltime)
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "serve":
		err = serve(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "grpc":
		err = askGRPC(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "tcp":
		err = askTCP(os.Args[2:])
	default:
		err = errors.New("usage: talk serve | grpc HOST:PORT WORDS | tcp HOST:PORT WORDS")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// name is the pod's: it tells copies apart.
func name() string {
	host, _ := os.Hostname()
	return host
}

func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	httpAt := flags.String("http", ":8080", "where to speak HTTP and WebSocket")
	grpcAt := flags.String("grpc", ":9090", "where to speak gRPC")
	tcpAt := flags.String("tcp", ":7070", "where to speak in lines")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan error, 3)

	talks := &sockets{open: map[*websocket.Conn]struct{}{}}
	web := &http.Server{Addr: *httpAt, Handler: handler(talks), ReadHeaderTimeout: patience}
	web.RegisterOnShutdown(talks.leave)
	go func() { ended <- web.ListenAndServe() }()

	lines, err := net.Listen("tcp", *tcpAt)
	if err != nil {
		return err
	}
	go func() { ended <- acceptLines(lines) }()

	calls, err := net.Listen("tcp", *grpcAt)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(&service, nil)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { ended <- server.Serve(calls) }()

	log.Printf("%s speaks HTTP at %s, gRPC at %s, lines at %s", name(), *httpAt, *grpcAt, *tcpAt)
	select {
	case err := <-ended:
		return err
	case <-stop.Done():
	}
	// What is under way is finished.
	late, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go server.GracefulStop()
	err = web.Shutdown(late)
	talks.gone.Wait()
	return err
}

func handler(talks *sockets) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name()) })
	mux.HandleFunc("/talk", talks.serve)
	// Uses a processor for so long: load that an autoscaler sees.
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		for until := time.Now().Add(milliseconds(r)); time.Now().Before(until); {
		}
		fmt.Fprintln(w, name())
	})
	// Says nothing for so long.
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(milliseconds(r)):
			fmt.Fprintln(w, name())
		case <-r.Context().Done():
		}
	})
	return mux
}

func milliseconds(r *http.Request) time.Duration {
	asked, _ := strconv.Atoi(r.URL.Query().Get("ms"))
	return min(time.Duration(asked)*time.Millisecond, longest)
}

// sockets are WebSockets that are open: a server that stops says so to them.
type sockets struct {
	lock sync.Mutex
	open map[*websocket.Conn]struct{}
	gone sync.WaitGroup
}

func (s *sockets) serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	s.lock.Lock()
	s.open[socket] = struct{}{}
	s.gone.Add(1)
	s.lock.Unlock()
	defer func() {
		s.lock.Lock()
		delete(s.open, socket)
		s.lock.Unlock()
		socket.Close()
		s.gone.Done()
	}()
	for {
		kind, words, err := socket.ReadMessage()
		if err != nil {
			return
		}
		answer := fmt.Appendf(nil, "%s: %s", name(), words)
		if err := socket.WriteMessage(kind, answer); err != nil {
			return
		}
	}
}

func (s *sockets) leave() {
	s.lock.Lock()
	defer s.lock.Unlock()
	farewell := websocket.FormatCloseMessage(websocket.CloseGoingAway, "stopping")
	for socket := range s.open {
		_ = socket.WriteControl(websocket.CloseMessage, farewell, time.Now().Add(time.Second))
		// Who does not answer is not waited for.
		_ = socket.SetReadDeadline(time.Now().Add(2 * time.Second))
	}
}

func acceptLines(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			for lines := bufio.NewScanner(connection); lines.Scan(); {
				if _, err := fmt.Fprintf(connection, "%s: %s\n", name(), lines.Text()); err != nil {
					return
				}
			}
		}()
	}
}

// service is written by hand: one method over a well-known message needs no generated code.
var service = grpc.ServiceDesc{
	ServiceName: "testbed.Talk",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Say",
		Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var words wrapperspb.StringValue
			if err := decode(&words); err != nil {
				return nil, err
			}
			return wrapperspb.String(name() + ": " + words.Value), nil
		},
	}},
}

func askGRPC(arguments []string) error {
	flags := flag.NewFlagSet("grpc", flag.ExitOnError)
	authority := flags.String("authority", "", "the host to ask for, if it is not where to connect to")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if *authority != "" {
		options = append(options, grpc.WithAuthority(*authority))
	}
	client, err := grpc.NewClient(os.ExpandEnv(flags.Arg(0)), options...)
	if err != nil {
		return err
	}
	defer client.Close()
	late, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var answer wrapperspb.StringValue
	if err := client.Invoke(late, say, wrapperspb.String(flags.Arg(1)), &answer); err != nil {
		return err
	}
	fmt.Println(answer.Value)
	return nil
}

func askTCP(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: talk tcp HOST:PORT WORDS")
	}
	// There is no shell in its image to do so.
	connection, err := net.DialTimeout("tcp", os.ExpandEnv(arguments[0]), patience)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(connection, arguments[1]); err != nil {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	fmt.Print(answer)
	return nil
}
