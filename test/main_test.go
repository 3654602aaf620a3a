//go:build e2e

// Package test checks the product through its front door: the real binary, the
// AWS clients that people have, a real browser, and the original fasttext.
package test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the heliograph under test: HELIOGRAPH_BIN, or one built here.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		binary = os.Getenv("HELIOGRAPH_BIN")
		if binary == "" {
			dir, err := os.MkdirTemp("", "heliograph-test")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			binary = filepath.Join(dir, "heliograph")
			build := exec.Command("go", "build", "-o", binary, "../cmd/heliograph")
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

const (
	keyID  = "AKIATESTTESTTESTTEST"
	secret = "a-secret-that-only-this-test-knows-12345"
	region = "us-east-1"
)

// server is a running heliograph.
type server struct {
	t       *testing.T
	data    string
	cmd     *exec.Cmd
	control string // URL
	public  string // URL
	out     *buffer
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended
}

// start runs "heliograph VERB" on the data directory, on ports of the system's
// choice, and waits until both listeners are ready.
func start(t *testing.T, data, verb string, args ...string) *server {
	return startWith(t, nil, data, verb, args...)
}

// startWith is start with more in the environment.
func startWith(t *testing.T, env []string, data, verb string, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: data, out: &buffer{}, done: make(chan struct{})}
	args = append([]string{verb, "--data", data, "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0"}, args...)
	s.cmd = exec.Command(binary, args...)
	s.cmd.Env = cleanEnv()
	if verb == "serve" { // the demo makes a key of its own
		s.cmd.Env = append(s.cmd.Env, "HELIOGRAPH_ACCESS_KEY_ID="+keyID, "HELIOGRAPH_SECRET_ACCESS_KEY="+secret)
	}
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("output of the server:\n%s", s.out)
		}
	})
	s.control = s.waitFor(`control listener ready on (https?://\S+)`)[1]
	s.public = s.waitFor(`public listener ready on (https?://\S+)`)[1]
	return s
}

// waitFor waits until the server printed what the pattern matches.
func (s *server) waitFor(pattern string) []string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(60 * time.Second)
	for {
		if m := re.FindStringSubmatch(s.out.String()); m != nil {
			return m
		}
		select {
		case <-s.done:
			s.t.Fatalf("the server ended (%v) before it printed %s:\n%s", s.err, pattern, s.out)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server did not print %s:\n%s", pattern, s.out)
		}
	}
}

// kill is kill -9.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.done
}

// stop is SIGTERM; the server must end by itself with 0.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("the server did not stop within 30 s of SIGTERM:\n%s", s.out)
	}
	if s.err != nil {
		s.t.Fatalf("the server ended with %v after SIGTERM:\n%s", s.err, s.out)
	}
}

// cleanEnv is the environment without settings of AWS clients or of heliograph
// that a developer's shell may have.
func cleanEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWS_") && !strings.HasPrefix(e, "HELIOGRAPH_") {
			env = append(env, e)
		}
	}
	return append(env, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null")
}

// clientEnv is the environment of an AWS client that talks to the server.
func (s *server) clientEnv() []string {
	return append(cleanEnv(), "HELIOGRAPH_CONTROL="+s.control, "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_DEFAULT_REGION="+region, "AWS=/usr/bin/aws")
}

// command runs a program to its end and returns what it printed.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, err := try(t, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// aws runs Debian's aws command against the server.
func (s *server) aws(args ...string) (string, error) {
	s.t.Helper()
	return try(s.t, s.clientEnv(), "/usr/bin/aws", append([]string{"--endpoint-url", s.control, "--no-cli-pager", "--output", "json"}, args...)...)
}

func (s *server) mustAWS(args ...string) string {
	s.t.Helper()
	out, err := s.aws(args...)
	if err != nil {
		s.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// get returns the status and body of a URL, an empty body for an error.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return do(t, must(http.NewRequest("GET", url, nil)))
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	res, err := (&http.Client{Timeout: 60 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines are the non-empty lines of a text.
func lines(text string) []string {
	var all []string
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func sum256(text string) [32]byte { return sha256.Sum256([]byte(text)) }
