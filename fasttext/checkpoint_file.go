package fasttext

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
)

// A checkpoint file, all numbers little-endian:
//
//	8 bytes  magic, with the version
//	uint32   length of the head
//	head     JSON, a checkpointHead
//	float32  the used rows of the input matrix, the output matrix, the classes' sums; if the head says Best,
//	         also the used rows and the output matrix that were best
//	uint32   CRC-32C of all before
const (
	checkpointMagic = "hgcheck1"
	longestNote     = 1 << 20
	longestHead     = 8 << 20 // of which the note, in base64, is 1.4 MB, and label weights the most of the rest
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowsDo calls do with each used row.
func (m *dense) rowsDo(do func(row []float32) error) error {
	for r := m.nextUsed(0); r < m.rows; r = m.nextUsed(r + 1) {
		if err := do(m.row(r)); err != nil {
			return err
		}
	}
	return nil
}

// weightsDo calls do with all weights that a checkpoint has, in pieces, in their order in the file.
func (t *trainer) weightsDo(do func([]float32) error) error {
	for _, m := range []*dense{t.in, t.out} {
		if err := m.rowsDo(do); err != nil {
			return err
		}
	}
	if t.classes != nil {
		if err := t.classes.sums.rowsDo(do); err != nil {
			return err
		}
	}
	if t.best == nil {
		return nil
	}
	if err := do(t.best.in); err != nil {
		return err
	}
	return do(t.best.out)
}

func (t *trainer) writeCheckpoint(path string, head checkpointHead) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if len(text) > longestHead {
		return fmt.Errorf("its options take %d bytes: want at most %d", len(text), longestHead)
	}
	return WriteFile(path, func(w io.Writer) error {
		sum := crc32.New(castagnoli)
		e := &encoder{w: bufio.NewWriterSize(io.MultiWriter(sum, w), 1<<18)}
		e.write([]byte(checkpointMagic))
		e.int32(int32(len(text)))
		e.write(text)
		_ = t.weightsDo(func(v []float32) error { e.floats(v); return e.err })
		if e.err == nil {
			e.err = e.w.Flush()
		}
		if e.err != nil {
			return e.err
		}
		return binary.Write(w, binary.LittleEndian, sum.Sum32())
	})
}

// readCheckpoint sets the weights to those of the file.
func (t *trainer) readCheckpoint(f *os.File) (*checkpointHead, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	sum := crc32.New(castagnoli)
	r := bufio.NewReaderSize(f, 1<<18)
	in := io.TeeReader(r, sum)
	var start [len(checkpointMagic) + 4]byte
	if _, err := io.ReadFull(in, start[:]); err != nil {
		return nil, fmt.Errorf("it has only %d bytes", info.Size())
	}
	if string(start[:len(checkpointMagic)]) != checkpointMagic {
		return nil, errors.New("it does not begin as checkpoints do")
	}
	n := int64(binary.LittleEndian.Uint32(start[len(checkpointMagic):]))
	if n > longestHead || n > info.Size() {
		return nil, fmt.Errorf("its head cannot have %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, fmt.Errorf("its head: %w", err)
	}
	head := &checkpointHead{}
	if err := json.Unmarshal(text, head); err != nil {
		return nil, fmt.Errorf("its head: %w", err)
	}
	if err := head.check(t); err != nil {
		return nil, err
	}
	values := int64(head.Sizes[0]) + int64(head.Sizes[1]) + int64(head.Sizes[2])
	if head.Best {
		values += int64(head.Sizes[0]) + int64(len(t.out.data))
	}
	if want := int64(len(start)) + n + 4*values + 4; info.Size() != want {
		return nil, fmt.Errorf("it has %d bytes: want %d", info.Size(), want)
	}
	if head.Best {
		t.best = newSnapshot(t)
	}
	if err := t.weightsDo(func(v []float32) error { return readFloats(in, v) }); err != nil {
		return nil, err
	}
	var want uint32
	if err := binary.Read(r, binary.LittleEndian, &want); err != nil {
		return nil, err
	}
	if got := sum.Sum32(); got != want {
		return nil, fmt.Errorf("it is damaged: its checksum is %08x: want %08x", got, want)
	}
	return head, nil
}

// readFloats fills v with numbers.
func readFloats(r io.Reader, v []float32) error {
	b := floatBytes(v)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	for i, x := range v {
		if !nativeLittle {
			x = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			v[i] = x
		}
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return errors.New("it has a weight that is not a number")
		}
	}
	return nil
}

// fingerprint tells dictionaries apart.
func (d *dictionary) fingerprint() string {
	sum := sha256.New()
	e := &encoder{w: bufio.NewWriter(sum)}
	e.dictionary(d)
	_ = e.w.Flush() // a hash does not fail
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
