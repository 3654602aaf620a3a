package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// listener is an address with the server behind it.
type listener struct {
	name         string
	socket       net.Listener
	server       *http.Server
	certificates *certificates // nil: plain HTTP
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

// secure makes the listener speak TLS, if there is a certificate, and says it
// where the lack of one is a danger.
func (l *listener) secure(cert, key, clientCA string, log *slog.Logger) (err error) {
	if cert != "" {
		l.certificates, err = newCertificates(l.name, cert, key, clientCA, log)
		return err
	}
	if addr, ok := l.socket.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		log.Warn("THIS LISTENER SPEAKS PLAIN HTTP BEYOND THIS MACHINE: whoever is on the way can read and change what is sent. "+
			"Set tls_cert and tls_key, or put something in front of it that speaks TLS", "listener", l.name, "address", l.socket.Addr().String())
	}
	return nil
}

// url is where a client on this machine reaches the listener.
func (l *listener) url() string {
	scheme := "http://"
	if l.certificates != nil {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(l.socket.Addr().String())
	if err != nil {
		return scheme + l.socket.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}

// serve answers requests until ctx ends, and then lets running ones finish for
// as long as drain.
func (l *listener) serve(ctx context.Context, handler http.Handler, drain time.Duration, log *slog.Logger) error {
	l.server = &http.Server{
		Handler:           guardDoor(handler, l.name == "control"),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // clients that hang up are no news
	}
	failed := make(chan error, 1)
	socket := l.socket
	if l.certificates != nil {
		socket = tls.NewListener(socket, l.certificates.tls())
	}
	go func() { failed <- l.server.Serve(socket) }()
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
