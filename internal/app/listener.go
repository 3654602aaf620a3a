package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of both listeners. Bodies have no deadline as a whole, since an object
// of gigabytes may take its time; each handler bounds its size.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// listener is an address with the server behind it.
type listener struct {
	name   string
	socket net.Listener
	server *http.Server
}

// listen opens the address, so that a taken one is known before anything else
// starts. Serving begins with serve.
func listen(ctx context.Context, name, addr string) (*listener, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s listener: %w; choose another with --%s-listen", name, err, name)
	}
	return &listener{name: name, socket: socket}, nil
}

// url is where a client on this machine reaches the listener.
func (l *listener) url() string {
	host, port, err := net.SplitHostPort(l.socket.Addr().String())
	if err != nil {
		return "http://" + l.socket.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// serve answers requests until ctx ends, and then lets running ones finish for
// as long as drain.
func (l *listener) serve(ctx context.Context, handler http.Handler, drain time.Duration, log *slog.Logger) error {
	l.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // clients that hang up are no news
	}
	failed := make(chan error, 1)
	go func() { failed <- l.server.Serve(l.socket) }()
	select {
	case err := <-failed:
		return fmt.Errorf("%s listener: %w", l.name, err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := l.server.Shutdown(bounded); err != nil {
		log.Warn("requests were still running at the end of the drain time and were cut", "listener", l.name, "drain_timeout", drain)
		return l.server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s listener: %w", l.name, err)
	}
	return nil
}
