// Command chatter writes numbered lines: whoever reads them knows whether one is missing or came twice. Each line says
// which pod wrote it, in which of its runs, as the how-manieth, and when; the last one says that it is.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is how often lines are written that are due.
const tick = 5 * time.Millisecond

func main() {
	log.SetFlags(0)
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "write":
		err = write(os.Args[2:])
	case len(os.Args) > 2 && os.Args[1] == "tell":
		err = tell(os.Args[2])
	default:
		err = errors.New("usage: chatter write [-rate N] [-size BYTES] [-burst LINES] | chatter tell burst|crash")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// tell has the chatter of this container do something. Nothing but a signal is needed for it: no port, no shell.
func tell(what string) error {
	signals := map[string]syscall.Signal{"burst": syscall.SIGUSR1, "crash": syscall.SIGUSR2}
	send, known := signals[what]
	if !known {
		return fmt.Errorf("nobody can be told to %q: burst, crash", what)
	}
	return syscall.Kill(1, send)
}

type writer struct {
	out     *bufio.Writer
	source  string
	run     string
	padding string
	next    int
}

func write(arguments []string) error {
	flags := flag.NewFlagSet("write", flag.ExitOnError)
	rate := flags.Float64("rate", 10, "lines a second")
	size := flags.Int("size", 100, "bytes of a line, about")
	burst := flags.Int("burst", 15000, "lines of a burst, of 1,000 bytes each")
	limit := flags.Int("limit", 0, "lines after which nothing is written any more; 0: none")
	after := flags.Duration("after", 0, "how long to wait before the first line")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	told := make(chan os.Signal, 4)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	w := &writer{
		out:    bufio.NewWriterSize(os.Stdout, 64*1024),
		source: host,
		run:    strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	w.pad(*size)
	begun := time.Now().Add(*after)
	ticker := time.NewTicker(tick)
	regular := 0
	for {
		select {
		case <-ticker.C:
			due := int(time.Since(begun).Seconds() * *rate)
			if *limit > 0 {
				due = min(due, *limit)
			}
			for ; regular < due; regular++ {
				w.line("")
			}
		case what := <-told:
			switch what {
			case syscall.SIGUSR1:
				w.pad(1000)
				for range *burst {
					w.line("")
				}
				w.pad(*size)
			case syscall.SIGUSR2:
				w.line("end")
				if err := w.out.Flush(); err != nil {
					return err
				}
				os.Exit(3)
			default:
				w.line("end")
				return w.out.Flush()
			}
		}
		if err := w.out.Flush(); err != nil {
			return err
		}
	}
}

func (w *writer) pad(size int) {
	w.padding = strings.Repeat("x", max(size-len(w.source)-len(w.run)-40, 0))
}

func (w *writer) line(last string) {
	// What cannot be written is told by the flush.
	fmt.Fprintf(w.out, "%s %s %d %d %s%s\n", w.source, w.run, w.next, time.Now().UnixNano(), last, w.padding)
	w.next++
}
