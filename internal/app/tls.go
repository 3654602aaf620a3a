package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheckAfter is how long a certificate is used before its files are looked at
// again.
const recheckAfter = time.Second

// certificates is the TLS configuration of a listener, read from files and read
// again when they change. What can't be used is logged, and the last good one
// stays.
type certificates struct {
	name                string // of the listener
	cert, key, clientCA string // files; clientCA "" asks clients for no certificate
	log                 *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	content [3][]byte // of the files as they were last looked at
	config  *tls.Config
}

// newCertificates reads the files; a pair that can't be used at the start is an error.
func newCertificates(name, cert, key, clientCA string, log *slog.Logger) (*certificates, error) {
	c := &certificates{name: name, cert: cert, key: key, clientCA: clientCA, log: log}
	content, err := c.read()
	if err == nil {
		c.config, err = c.parse(content)
	}
	if err != nil {
		return nil, fmt.Errorf("%s listener: TLS: %w", name, err)
	}
	c.content, c.looked = content, time.Now()
	return c, nil
}

// tls is what the listener gets; each connection asks anew.
func (c *certificates) tls() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil },
	}
}

func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= recheckAfter {
		c.looked = now
		c.look()
	}
	return c.config
}

func (c *certificates) look() {
	content, err := c.read()
	if err == nil {
		same := true
		for i := range content {
			same = same && bytes.Equal(content[i], c.content[i])
		}
		if same {
			return
		}
		var config *tls.Config
		if config, err = c.parse(content); err == nil {
			c.config = config
			c.log.Info("the TLS certificate has changed and is used from now on", "listener", c.name, "certificate", c.cert)
		}
		c.content = content
	} else if c.content[0] == nil {
		return // said already
	} else {
		c.content = [3][]byte{}
	}
	if err != nil {
		c.log.Error("the TLS certificate has changed and can't be used; the one before it stays", "listener", c.name, "error", err)
	}
}

// maxPEM bounds what is read of a file, in bytes.
const maxPEM = 1 << 20

func (c *certificates) read() (content [3][]byte, err error) {
	for i, name := range []string{c.cert, c.key, c.clientCA} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.Size() > maxPEM {
			return content, fmt.Errorf("%s has %d bytes, which is too long for a certificate", name, info.Size())
		}
		if content[i], err = os.ReadFile(name); err != nil {
			return content, err
		}
	}
	return content, nil
}

func (c *certificates) parse(content [3][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
	}
	if pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter) {
		c.log.Warn("the TLS certificate has expired; clients will refuse it", "listener", c.name, "certificate", c.cert, "expired", pair.Leaf.NotAfter)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if c.clientCA != "" {
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(content[2]) {
			return nil, fmt.Errorf("%s: %w", c.clientCA, errors.New("there is no certificate in it"))
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}
