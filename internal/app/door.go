package app

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Bounds of both listeners. A body as a whole has no deadline, since an object of
// gigabytes may take its time, but each part of it has; each handler bounds its
// size.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	maxHeaders        = 200              // of a request
	bodyPart          = 64 << 10         // bytes of a body that have to come within
	bodyPartTimeout   = 30 * time.Second // this
)

// The values of headers that every answer has. They are shared, and of full
// capacity, so that who adds to one gets a copy.
var (
	noSniff    = []string{"nosniff"}
	sandbox    = []string{"sandbox; frame-ancestors 'none'"}
	noFrames   = []string{"DENY"}
	noReferrer = []string{"no-referrer"}
)

// guardDoor is in front of everything: it refuses requests with too many
// headers, bounds how slowly a body may come, and sets what every answer has.
func guardDoor(next http.Handler, control bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff
		if control {
			// An object that somebody opens in a browser must not act in the name of
			// this origin. Pages of the server's own set a policy that fits them.
			h["Content-Security-Policy"], h["X-Frame-Options"], h["Referrer-Policy"] = sandbox, noFrames, noReferrer
		}
		if r.TLS != nil && !isLocal(r.Host) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if headers := countHeaders(r.Header); headers > maxHeaders {
			h.Set("Connection", "close")
			http.Error(w, "The request has too many headers.", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		if control && r.Body != nil && r.Body != http.NoBody {
			if deadline, ok := w.(readDeadline); ok { // not every writer has a connection
				r.Body = &steadyBody{ReadCloser: r.Body, connection: deadline, within: bodyPartTimeout}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal reports whether a host is this machine's name for itself, or an
// address: a browser must not be told to use TLS for all that runs there.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

func countHeaders(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// steadyBody is a body of which each part has to come in time. At its end there
// is no deadline any more: the server takes one that passes for the client's
// going away.
type steadyBody struct {
	io.ReadCloser
	connection readDeadline
	within     time.Duration
	left       int // bytes until the deadline is moved; 0: there is none
}

type readDeadline interface{ SetReadDeadline(time.Time) error }

func (b *steadyBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		_ = b.connection.SetReadDeadline(time.Now().Add(b.within))
		b.left = bodyPart
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; err != nil {
		_ = b.connection.SetReadDeadline(time.Time{})
		b.left = 0
	}
	return n, err
}

func (b *steadyBody) Close() error {
	if b.left > 0 {
		_ = b.connection.SetReadDeadline(time.Time{})
		b.left = 0
	}
	return b.ReadCloser.Close()
}
