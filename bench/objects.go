package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// objects measures PUT and GET of S3 objects on a running server beside a plain write of a file with fsync and a plain
// read of one, on the same disk and in turn. Requests are signed, with the hash of their body, before the clock starts:
// what is measured is the server's hashing, not the client's.
//
// A plain read of what is in memory is one copy, and nothing that comes through a connection can be as fast. So GET is
// held to its goal where both come from the disk, as PUT is where both go there, and beside each GET stands the least
// that it could take: a process that sends the same file over a bare connection by sendfile(2).
func objects(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ours, err := startServe(ctx, b, filepath.Join(b.dir, "objects"))
	if err != nil {
		return err
	}
	if _, err := roundTrip(ctx, ours.address, http.MethodPut, "/objects", "s3", "", nil); err != nil {
		return err
	}
	plain := filepath.Join(b.dir, "plain")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	sender, err := startServer(ctx, bareReady, self, "-send", plain)
	if err != nil {
		return err
	}
	sent, err := net.Dial("tcp", sender.address)
	if err != nil {
		return err
	}
	defer sent.Close()
	t := newTable(os.Stdout, append(append([]column{wordsIn("what", 12)}, figuresIn("ms", "plain file ms", "speed", "bare connection ms", "speed")...), wordsIn("goal", 0))...)
	for _, size := range []struct {
		name     string
		bytes    int
		times    int     // in a run
		put, get float64 // goals; 0 for none
	}{
		{"1 KB", 1 << 10, 200, 0, 0},
		{"100 MB", 100 << 20, 3, 0.6, 0.7},
	} {
		stored := func() (string, error) { return largestFile(filepath.Join(b.dir, "objects", "blob")) }
		body := make([]byte, size.bytes)
		rand.NewChaCha8([32]byte{7}).Read(body) // never fails
		sum := sha256.Sum256(body)
		get := func() (time.Duration, error) {
			nothing := sha256.Sum256(nil)
			return timedRequest(ctx, ours.address, http.MethodGet, nil, hex.EncodeToString(nothing[:]))
		}
		readFile := func() error { return readPlain(plain) }
		receive := func() error { return receiveSent(sent, int64(size.bytes)) }
		for _, way := range []struct {
			what   string
			ours   func() (time.Duration, error)
			file   func() error
			bare   func() error // nil for none
			goal   float64
			before func() error // before each
		}{
			{"PUT " + size.name, func() (time.Duration, error) {
				return timedRequest(ctx, ours.address, http.MethodPut, body, hex.EncodeToString(sum[:]))
			}, func() error { return writeSynced(plain, body) }, nil, size.put, nil},
			{"GET " + size.name + ", in memory", get, readFile, receive, 0, nil},
			{"GET " + size.name + ", on the disk", get, readFile, receive, size.get, func() error {
				object, err := stored()
				return errors.Join(err, forget(object), forget(plain))
			}},
		} {
			turns := []func() (time.Duration, error){way.ours, timed(way.file)}
			if way.bare != nil {
				turns = append(turns, timed(way.bare))
			}
			took, err := alternate(b.runs*size.times, way.before, turns...)
			if err != nil {
				return err
			}
			here, speed, said := took[0], median(ratios(took[1], took[0])), ""
			if way.goal > 0 {
				said = b.board.add(verdict{row: "S3 " + way.what, goal: fmt.Sprintf("%.0f %% of a plain file's", 100*way.goal), figure: figure(speed), met: speed >= way.goal})
			}
			cells := []string{way.what, figure(median(here)), figure(median(took[1])), figure(speed), "", "", said}
			if way.bare != nil {
				cells[4], cells[5] = figure(median(took[2])), figure(median(ratios(took[2], here)))
			}
			t.row(cells...)
		}
	}
	return errors.Join(ours.stop(), sender.stop())
}

// timed makes a turn of what has to be timed from outside.
func timed(do func() error) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		start := time.Now()
		err := do()
		return time.Since(start), err
	}
}

// alternate takes all turns, one after another, n times and once before in vain, and returns the milliseconds of each.
// before, which may be nil, is called before each.
func alternate(n int, before func() error, turns ...func() (time.Duration, error)) ([][]float64, error) {
	took := make([][]float64, len(turns))
	for i := range n + 1 {
		for j, turn := range turns {
			if before != nil {
				if err := before(); err != nil {
					return nil, err
				}
			}
			d, err := turn()
			if err != nil {
				return nil, err
			}
			if i > 0 {
				took[j] = append(took[j], d.Seconds()*1e3)
			}
		}
	}
	return took, nil
}

// timedRequest sends a signed request for the one object that there is, and reads the answer.
func timedRequest(ctx context.Context, address, method string, body []byte, hash string) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+"/objects/object", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("X-Amz-Content-Sha256", hash)
	key := aws.Credentials{AccessKeyID: benchKeyID, SecretAccessKey: benchSecret}
	if err := v4.NewSigner().SignHTTP(ctx, key, request, hash, "s3", "us-east-1", time.Now()); err != nil {
		return 0, err
	}
	start := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	n, err := io.CopyBuffer(onlyWriter{io.Discard}, answer.Body, make([]byte, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of an object: %s", method, answer.Status)
	}
	if err == nil && method == http.MethodGet && n != answer.ContentLength {
		err = fmt.Errorf("GET of an object of %d bytes gave %d", answer.ContentLength, n)
	}
	return time.Since(start), err
}

// onlyWriter hides that io.Discard brings a small buffer of its own.
type onlyWriter struct{ io.Writer }

func readPlain(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.CopyBuffer(onlyWriter{io.Discard}, struct{ io.Reader }{file}, make([]byte, 1<<20))
	return err
}

// largestFile returns the path of the largest file under a folder.
func largestFile(folder string) (largest string, err error) {
	most := int64(-1)
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > most {
			largest, most = path, info.Size()
		}
		return err
	})
	return largest, err
}

// receiveSent asks serveSent for its file and reads it.
func receiveSent(connection net.Conn, size int64) error {
	if _, err := connection.Write([]byte{'\n'}); err != nil {
		return err
	}
	n, err := io.CopyBuffer(onlyWriter{io.Discard}, io.LimitReader(connection, size), make([]byte, 1<<20))
	if err == nil && n != size {
		err = fmt.Errorf("of a file of %d bytes %d came", size, n)
	}
	return err
}
