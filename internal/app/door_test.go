package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func mustAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = template, nil
	cert, key := a.issue(t, template)
	a.cert, a.key = cert, key
	return a
}

// issue signs template, with its own key if there is no authority yet.
func (a *authority) issue(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// mustWritePair makes a certificate for this machine and writes it and its key.
func (a *authority) mustWritePair(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	c, k := a.issue(t, &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost", "heliograph.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	mustWriteFile(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	mustWriteFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func mustWriteFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// client trusts the authority and opens a connection for each request.
func (a *authority) client(change func(*tls.Config)) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	config := &tls.Config{RootCAs: pool}
	if change != nil {
		change(config)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// serial is the number of the certificate that a listener shows.
func (a *authority) serial(t *testing.T, url string) int64 {
	t.Helper()
	response, _ := send(t, a.client(nil), mustRequest(t, "GET", url+"/healthz", ""))
	return response.TLS.PeerCertificates[0].SerialNumber.Int64()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, dir := mustAuthority(t), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca.mustWritePair(t, cert, key, 2)
	h := mustServe(t, func(c *Config) { c.TLSCert, c.TLSKey = cert, key })
	for _, url := range []string{h.ControlURL(), h.PublicURL()} {
		if !strings.HasPrefix(url, "https://") {
			t.Fatalf("a listener is at %s", url)
		}
	}
	response, _ := send(t, ca.client(nil), mustRequest(t, "GET", h.ControlURL()+"/healthz", ""))
	if response.StatusCode != 200 || response.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
	r := mustRequest(t, "GET", h.ControlURL()+"/healthz", "")
	r.Host = "heliograph.test"
	if response, _ := send(t, ca.client(nil), r); response.Header.Get("Strict-Transport-Security") == "" {
		t.Error("a browser is not told to stay with TLS")
	}
	if _, err := ca.client(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }).Get(h.ControlURL()); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if response, err := http.Get("http://" + strings.TrimPrefix(h.ControlURL(), "https://") + "/healthz"); err == nil && response.StatusCode != 400 {
		t.Errorf("plain HTTP is answered with %d", response.StatusCode)
	}

	reloaded := func(want int64) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ca.serial(t, h.ControlURL()) != want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("certificate %d is not used", want)
			}
		}
	}
	ca.mustWritePair(t, cert, key, 3)
	reloaded(3)
	mustWriteFile(t, cert, []byte("no certificate"))
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(h.logs.String(), "can't be used; the one before it stays"); time.Sleep(50 * time.Millisecond) {
		if got := ca.serial(t, h.ControlURL()); got != 3 {
			t.Fatalf("with a broken file, certificate %d is shown", got)
		}
		if time.Now().After(deadline) {
			t.Fatal("a broken certificate is not spoken of")
		}
	}
	if got := ca.serial(t, h.ControlURL()); got != 3 {
		t.Errorf("with a broken file, certificate %d is shown", got)
	}
	ca.mustWritePair(t, cert, key, 4)
	reloaded(4)
	if n := strings.Count(h.logs.String(), "can't be used; the one before it stays"); n > 2 { // one for each listener
		t.Errorf("it is said %d times", n)
	}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca, others, dir := mustAuthority(t), mustAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca.mustWritePair(t, file("cert"), file("key"), 2)
	ca.mustWritePair(t, file("client"), file("client-key"), 3)
	others.mustWritePair(t, file("other"), file("other-key"), 4)
	mustWriteFile(t, file("ca"), ca.pem())
	h := mustServe(t, func(c *Config) { c.TLSCert, c.TLSKey, c.TLSClientCA = file("cert"), file("key"), file("ca") })
	with := func(name string) func(*tls.Config) {
		return func(c *tls.Config) {
			pair, err := tls.LoadX509KeyPair(file(name), file(name+"-key"))
			if err != nil {
				t.Fatal(err)
			}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
	}
	if response, _ := send(t, ca.client(with("client")), mustRequest(t, "GET", h.ControlURL()+"/healthz", "")); response.StatusCode != 200 {
		t.Errorf("with a certificate: %d", response.StatusCode)
	}
	for name, change := range map[string]func(*tls.Config){"none": nil, "another authority's": with("other")} {
		if response, err := ca.client(change).Get(h.ControlURL() + "/healthz"); err == nil {
			t.Errorf("certificate of a client: %s: %d", name, response.StatusCode)
		}
	}
	if response, _ := send(t, ca.client(nil), mustRequest(t, "GET", h.PublicURL()+"/", "")); response.StatusCode == 0 {
		t.Error("the public listener asks for a certificate")
	}
}

func TestUnusableCertificates(t *testing.T) {
	t.Parallel()
	ca, dir := mustAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca.mustWritePair(t, file("cert"), file("key"), 2)
	ca.mustWritePair(t, file("other"), file("other-key"), 3)
	mustWriteFile(t, file("rubbish"), []byte("rubbish"))
	for name, c := range map[string]struct{ cert, key, ca, want string }{
		"no file":              {"none", "key", "", "no such file"},
		"another's key":        {"cert", "other-key", "", "private key does not match"},
		"rubbish":              {"rubbish", "key", "", "failed to find any PEM data"},
		"no authorities in it": {"cert", "key", "rubbish", "no certificate in it"},
	} {
		clients := c.ca
		if clients != "" {
			clients = file(clients)
		}
		if _, err := newCertificates("control", file(c.cert), file(c.key), clients, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlainHTTPBeyondThisMachineIsSaid(t *testing.T) {
	t.Parallel()
	const words = "PLAIN HTTP BEYOND THIS MACHINE"
	if h := mustServe(t, nil); strings.Contains(h.logs.String(), words) {
		t.Error("it is said of a loopback address")
	}
	h := mustServe(t, func(c *Config) { c.PublicListen = "0.0.0.0:0" })
	if strings.Count(h.logs.String(), words) != 1 {
		t.Errorf("the log has:\n%s", h.logs)
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil)
	for _, path := range []string{"/healthz", "/metrics", "/api/docs", "/api/v1/info", "/bucket/key", "/"} {
		response, _ := send(t, http.DefaultClient, mustRequest(t, "GET", h.ControlURL()+path, ""))
		if got := response.Header; got.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(got.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			got.Get("X-Frame-Options") != "DENY" || got.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("GET %s: %v", path, got)
		}
	}
	for _, path := range []string{"/", "/nothing", "/_site/none/"} {
		response, _ := send(t, http.DefaultClient, mustRequest(t, "GET", h.PublicURL()+path, ""))
		if response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s of the public listener: %v", path, response.Header)
		}
	}
}

func TestTooManyHeaders(t *testing.T) {
	t.Parallel()
	h := mustServe(t, nil)
	for _, url := range []string{h.ControlURL(), h.PublicURL()} {
		r := mustRequest(t, "GET", url+"/healthz", "")
		for i := range maxHeaders + 1 {
			r.Header.Set(fmt.Sprintf("X-H%d", i), "1")
		}
		if response, _ := send(t, http.DefaultClient, r); response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("many headers: %d", response.StatusCode)
		}
		r = mustRequest(t, "GET", url+"/healthz", "")
		r.Header.Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
		if response, _ := send(t, http.DefaultClient, r); response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a long header: %d", response.StatusCode)
		}
	}
}

// TestSlowBody announces a body and sends a part of it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	outcome := make(chan error, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &steadyBody{ReadCloser: r.Body, connection: http.NewResponseController(w), within: 50 * time.Millisecond}
		_, err := io.ReadAll(body)
		outcome <- err
	}))
	t.Cleanup(server.Close)
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	for i, body := range []string{"0123456789", "01234"} {
		if _, err := connection.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n" + body)); err != nil {
			t.Fatal(err)
		}
		if err := <-outcome; (err != nil) != (i == 1) || i == 1 && !os.IsTimeout(err) {
			t.Errorf("%d bytes of a body of 10: %v", len(body), err)
		}
	}
}

func TestDataDirectoryIsClosedToOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := mustServe(t, func(c *Config) { c.Data = dir })
	h.stop()
	for _, path := range []string{dir, filepath.Join(dir, "heliograph.db"), filepath.Join(dir, "audit"), filepath.Join(dir, "blob")} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	h = mustServe(t, func(c *Config) { c.Data = dir })
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if n := strings.Count(h.logs.String(), "its mode is repaired"); n != 4 {
		t.Errorf("it is said %d times:\n%s", n, h.logs)
	}
}
