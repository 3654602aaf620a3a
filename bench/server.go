package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The key that servers under measurement are started with.
const (
	benchKeyID  = "AKIABENCHBENCHBENCH0"
	benchSecret = "benchbenchbenchbenchbenchbenchbenchbench"
)

// A server is a process that answers HTTP at an address.
type server struct {
	address string // host:port
	cmd     *exec.Cmd
}

// startServer runs a program until it prints its address behind the given words.
func startServer(ctx context.Context, before string, name string, args ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "HELIOGRAPH_ACCESS_KEY_ID="+benchKeyID, "HELIOGRAPH_SECRET_ACCESS_KEY="+benchSecret)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), before); ok {
			go io.Copy(io.Discard, out)
			return &server{address, cmd}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s has ended without an address", strings.Join(cmd.Args, " ")), cmd.Wait())
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return s.cmd.Wait()
}

const bareReady = "bare handler ready on "

// serveBare is the peer of requests to endpoints: an HTTP server that reads what
// it is sent and answers a constant, and so the limit of what net/http allows.
func serveBare(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	const constant = `[{"label": ["__label__class0"], "prob": [0.9945058226585388]}]`
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, constant)
	})}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	fmt.Println(bareReady + listener.Addr().String())
	if err := s.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// serveSent is the peer of GET: for each byte that a connection sends, it sends the file at path, which the kernel does
// by itself, and nothing else.
func serveSent(ctx context.Context, path string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	fmt.Println(bareReady + listener.Addr().String())
	for {
		connection, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			for asked := make([]byte, 1); ; {
				if _, err := io.ReadFull(connection, asked); err != nil {
					return
				}
				if err := sendFile(connection, path); err != nil {
					fmt.Fprintln(os.Stderr, saysBench+err.Error())
					return
				}
			}
		}()
	}
}

func sendFile(connection net.Conn, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(connection, file)
	return err
}
