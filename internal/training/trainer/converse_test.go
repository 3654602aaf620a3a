package trainer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/heliograph/heliograph/fasttext"
)

// testHost is a server with one text for each channel.
type testHost struct {
	texts   map[string]string
	fail    error // what reading a text ends with, in place of io.EOF
	refuse  error // what Upload fails with, after the first byte
	log     strings.Builder
	epochs  []Epoch
	archive bytes.Buffer
}

type testText struct {
	io.Reader
	n int64
}

func (t testText) Close() error          { return nil }
func (t testText) Stats() (n, bad int64) { return t.n, 0 }

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func (h *testHost) Open(channel string, file int) (Text, error) {
	text := h.texts[channel]
	if h.fail != nil {
		return testText{io.MultiReader(strings.NewReader(text), failing{h.fail}), 0}, nil
	}
	return testText{strings.NewReader(text), int64(len(text))}, nil
}

func (h *testHost) Log(text []byte) { h.log.Write(text) }

func (h *testHost) Epoch(e Epoch) error {
	h.epochs = append(h.epochs, e)
	return nil
}

func (h *testHost) Upload(archive io.Reader) error {
	if h.refuse != nil {
		if _, err := archive.Read(make([]byte, 1)); err != nil {
			return err
		}
		return h.refuse
	}
	_, err := io.Copy(&h.archive, archive)
	return err
}

// converse runs a process's Main in this one, connected by pipes.
func converse(t *testing.T, task Task, host Host) ([]Metric, error) {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Main(inR, outW, func() {})
		outW.Close()
		inR.Close()
	}()
	metrics, err := Converse(t.Context(), inW, outR, task, host, func() { outR.Close(); inR.Close() })
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the process goes on")
	}
	return metrics, err
}

func smallTask() Task {
	a := fasttext.SupervisedDefaults()
	a.Dim, a.Epoch, a.Bucket, a.WordNgrams, a.Thread, a.LR = 8, 5, 1000, 2, 1, 0.5
	return Task{Mode: Supervised, Args: a, EveryEpoch: true, MemoryBytes: 1 << 30, Channels: []Channel{
		{Name: Train, Files: []string{"/opt/ml/input/data/train/t"}}, {Name: Validation, Files: []string{"/opt/ml/input/data/validation/v"}}}}
}

// lines are enough text for many frames.
var lines = strings.Repeat("__label__a red green blue\n__label__b one two three\n", 10_000)

func TestConverse(t *testing.T) {
	t.Parallel()
	h := &testHost{texts: map[string]string{Train: lines, Validation: "__label__a red\n"}}
	metrics, err := converse(t, smallTask(), h)
	if err != nil {
		t.Fatal(err)
	}
	if len(metrics) != 6 || metrics[0] != (Metric{"train:accuracy", 1}) || len(h.epochs) != 5 || h.epochs[4].Number != 5 || h.archive.Len() == 0 {
		t.Errorf("metrics %v, epochs %v, an archive of %d bytes", metrics, h.epochs, h.archive.Len())
	}
	if !strings.Contains(h.log.String(), "Number of train examples: 20000\n") {
		t.Errorf("log: %s", h.log.String())
	}
}

func TestHostFails(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testHost, error){
		"reading":   func(h *testHost, err error) { h.fail = err },
		"uploading": func(h *testHost, err error) { h.refuse = err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, want := &testHost{texts: map[string]string{Train: lines, Validation: lines}}, errors.New("the disk is gone")
			change(h, want)
			if _, err := converse(t, smallTask(), h); !errors.Is(err, want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A process that breaks the rules is an error and no more.
func TestBadProcess(t *testing.T) {
	t.Parallel()
	frames := func(parts ...string) string {
		var b bytes.Buffer
		for _, p := range parts {
			b.WriteByte(p[0])
			var n [4]byte
			binary.BigEndian.PutUint32(n[:], uint32(len(p)-1))
			b.Write(n[:])
			b.WriteString(p[1:])
		}
		return b.String()
	}
	for _, c := range []struct{ name, out, want string }{
		{"nothing", "", ErrEnded.Error()},
		{"half a head", "L\x00", ErrEnded.Error()},
		{"half a frame", "L\x00\x00\x00\x05abc", ErrEnded.Error()},
		{"a huge frame", "L\xff\xff\xff\xff", "at most 1048576 are possible"},
		{"an unknown frame", frames("?"), "which is unknown"},
		{"a channel that isn't there", frames(`O{"Channel":"test","File":-1}`), "which it has not"},
		{"a file that isn't there", frames(`O{"Channel":"train","File":1}`), "which it has not"},
		{"two texts at once", frames(`O{"Channel":"train","File":-1}`, `O{"Channel":"train","File":-1}`), "before it had read the one before"},
		{"an archive before the model", frames("Aabc"), "before it had trained"},
		{"two models", frames("U", "U"), "two models"},
		{"no model", frames("Z[]"), "without a model"},
		{"half a model", frames("U", "Aabc"), ErrEnded.Error()},
		{"no JSON", frames("U", "Z["), "can't be read"},
		{"a failure", frames(`F{"Class":"ClientError","Reason":"bad data"}`), "ClientError: bad data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inR, inW := io.Pipe()
			go io.CopyN(io.Discard, inR, 1<<10) // no more than the task and a part of a text
			h := &testHost{texts: map[string]string{Train: lines}}
			_, err := Converse(t.Context(), inW, strings.NewReader(c.out), smallTask(), h, func() { inR.Close() })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// The end of the context ends the process, and that the conversation.
func TestConverseIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped")
	outR, outW := io.Pipe()
	h := &testHost{}
	go func() {
		_, _ = outW.Write([]byte("L\x00\x00\x00\x02a\n"))
		cancel(why)
	}()
	if _, err := Converse(ctx, io.Discard, outR, smallTask(), h, func() { outW.Close() }); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func FuzzConverse(f *testing.F) {
	f.Add([]byte("U\x00\x00\x00\x00A\x00\x00\x00\x03abcZ\x00\x00\x00\x02[]"))
	f.Add([]byte("O\x00\x00\x00\x1c{\"Channel\":\"train\",\"File\":0}M\x00\x00\x00\x0c{\"Number\":1}"))
	f.Add([]byte("L\x00\x10\x00\x01"))
	f.Fuzz(func(t *testing.T, out []byte) {
		h := &testHost{texts: map[string]string{Train: "__label__a b\n"}}
		metrics, err := Converse(t.Context(), io.Discard, bytes.NewReader(out), smallTask(), h, func() {})
		if err != nil && len(metrics) > 0 {
			t.Errorf("metrics %v beside %v", metrics, err)
		}
	})
}
