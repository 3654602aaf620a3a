package trainer

import (
	"os"
	"testing"
)

// BenchmarkPass is a pass over 35 MB of text through a pipe of the system.
func BenchmarkPass(b *testing.B) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	go func() {
		defer r.Close()
		var buf []byte
		for err := error(nil); err == nil; {
			_, buf, err = readFrame(r, buf)
		}
	}()
	const size = 35 << 20
	b.SetBytes(size)
	to := parts{&frameWriter{w: w}, frameText}
	text := make([]byte, textFrame)
	for b.Loop() {
		for range size / textFrame {
			if _, err := to.Write(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}
