package trainer

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

// A model that fails to save must not leave an archive that looks whole.
func TestPackFails(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*fickle{
		"shorter the second time": {sizes: []int{1000, 500}},
		"longer the second time":  {sizes: []int{500, 1000}},
		"failing":                 {sizes: []int{10}},
	} {
		if err := pack(io.Discard, file{"model.bin", s.Save}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// fickle saves as many bytes as told, then fails.
type fickle struct{ sizes []int }

func (s *fickle) Save(w io.Writer) error {
	if len(s.sizes) == 0 {
		return io.ErrClosedPipe
	}
	n := s.sizes[0]
	s.sizes = s.sizes[1:]
	_, err := io.Copy(w, iotest.OneByteReader(bytes.NewReader(make([]byte, n))))
	return err
}
