// A provider of OpenID Connect for stories of signing in: a certified library, with a few people, one client with a secret and one
// for terminals. `oidc LISTEN ISSUER BACK`: where it listens, how it is called, and where people are sent back to.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const terminal = "outboard-cli"

// Everybody's password is the same; who is in which group is what stories are about.
var groups = map[string][]string{
	"dora": {"shop-developers"},
	"vera": {"shop-viewers"},
	"rita": {"shop-releasers"},
	"sam":  {},
	"mal":  {"system:masters"},
}

type people struct{}

func (people) GetUserByID(id string) *storage.User {
	if _, known := groups[id]; !known {
		return nil
	}
	return &storage.User{ID: id, Username: id, Password: "secret", FirstName: id, LastName: id, Email: id + "@example.com", EmailVerified: true}
}

func (p people) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }

func (people) ExampleClientID() string { return storage.ServiceUserID }

// The example's storage, with groups.
type store struct{ *storage.Storage }

func (s store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	known, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{known}, nil
}

func (s store) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if err := s.Storage.SetUserinfoFromRequest(ctx, info, token, scopes); err != nil {
		return err
	}
	info.AppendClaims("groups", groups[token.GetSubject()])
	return nil
}

// The example's storage forgets which client a device is of, so that no token of one could be renewed.
func (s store) CreateAccessAndRefreshTokens(ctx context.Context, request op.TokenRequest, current string) (string, string, time.Time, error) {
	if device, ok := request.(*op.DeviceAuthorizationState); ok {
		request = &storage.AuthRequest{ApplicationID: device.ClientID, UserID: device.Subject, Scopes: device.Scopes}
	}
	return s.Storage.CreateAccessAndRefreshTokens(ctx, request, current)
}

type client struct{ op.Client }

// So short that each command has to renew what a terminal has.
func (c client) IDTokenLifetime() time.Duration {
	if c.GetID() == terminal {
		return 2 * time.Minute
	}
	return c.Client.IDTokenLifetime()
}

func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }

func (c client) IsScopeAllowed(scope string) bool { return scope == "groups" }

// A terminal keeps no secret.
func (c client) ApplicationType() op.ApplicationType {
	if c.GetID() == terminal {
		return op.ApplicationTypeNative
	}
	return c.Client.ApplicationType()
}

func (c client) AuthMethod() oidc.AuthMethod {
	if c.GetID() == terminal {
		return oidc.AuthMethodNone
	}
	return c.Client.AuthMethod()
}

func (c client) GrantTypes() []oidc.GrantType {
	return append(c.Client.GrantTypes(), oidc.GrantTypeRefreshToken)
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "say where to listen, the issuer, and where people are sent back to")
		os.Exit(2)
	}
	listen, issuer, back := os.Args[1], os.Args[2], os.Args[3]
	storage.RegisterClients(storage.WebClient("outboard", "secret", back), storage.DeviceClient(terminal, ""))
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	router := exampleop.SetupServer(issuer, store{storage.NewStorage(people{})}, logger, false)
	if err := http.ListenAndServe(listen, router); err != nil {
		logger.Error("ended", "error", err)
		os.Exit(1)
	}
}
