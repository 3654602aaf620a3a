package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// load is how a server stood up to requests.
type load struct {
	rate float64         // answers a second
	took []time.Duration // by every answer, ascending
}

// percentile returns the time in microseconds within which that part was answered.
func (l load) percentile(part float64) float64 {
	if len(l.took) == 0 {
		return 0
	}
	return float64(l.took[int(part*float64(len(l.took)-1))].Nanoseconds()) / 1e3
}

// hammer sends requests over connections that stay open, on each the next as soon
// as the last was answered. It reads no more of an answer than it must, so that
// the processors are left to the server.
func hammer(ctx context.Context, address string, connections int, duration time.Duration, requests [][]byte) (load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	took := make([][]time.Duration, connections)
	failures := make([]error, connections)
	start := time.Now()
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			took[i], failures[i] = hammerOne(ctx, address, start.Add(duration), requests, i)
			if failures[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	elapsed := time.Since(start)
	for _, err := range failures {
		if err != nil {
			return load{}, err
		}
	}
	l := load{took: slices.Concat(took...)}
	slices.Sort(l.took)
	l.rate = float64(len(l.took)) / elapsed.Seconds()
	return l, nil
}

func hammerOne(ctx context.Context, address string, end time.Time, requests [][]byte, next int) (took []time.Duration, err error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	answers := bufio.NewReader(connection)
	for now := time.Now(); now.Before(end); next++ {
		if _, err := connection.Write(requests[next%len(requests)]); err != nil {
			return nil, err
		}
		if err := readAnswer(answers); err != nil {
			return nil, err
		}
		then := time.Now()
		took = append(took, then.Sub(now))
		now = then
	}
	return took, nil
}

// readAnswer reads an answer of known length and status 200.
func readAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
				rest, _ := r.Peek(r.Buffered())
				return fmt.Errorf("a request was answered with %s\n%s", line, rest)
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without Content-Length")
	}
	_, err := io.CopyN(io.Discard, r, int64(length))
	return err
}
