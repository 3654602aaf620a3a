package serving

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/heliograph/heliograph/fasttext"
)

// The names of the one file that is taken out of an archive. BlazingText writes
// the second for word vectors; the first wins if both are there.
const (
	modelFile   = "model.bin"
	vectorsFile = "vectors.bin"
)

// calibrationFile is taken out, too, where it lies beside the model.
var calibrationFile = fasttext.CalibrationPath(modelFile)

// Bounds on what an archive may cost before it is called hostile. There is none
// on the ratio of compression: a model that was trained on little text is mostly
// zeros, which deflate makes a thousand times smaller.
const (
	maxEntries     = 1000
	maxOtherBytes  = 1 << 30   // of files beside the model
	fastTextMagic  = 793712314 // the first four bytes of a model, little-endian
	maxCalibration = 16 << 20  // bytes of a calibration
	maxNestedNames = 3         // model files in folders that a message lists
)

// An archiveError says what is wrong with an artifact and what to do about it.
type archiveError struct {
	what string
	err  error // the cause; may be nil
}

func (e *archiveError) Error() string { return e.what }
func (e *archiveError) Unwrap() error { return e.err }

func badArchive(cause error, format string, args ...any) error {
	return &archiveError{fmt.Sprintf(format, args...), cause}
}

// A sink takes a model; Reset makes it empty again. Calibrate takes the calibration
// that lies beside the model.
type sink interface {
	io.Writer
	Reset() error
	Calibrate(text []byte) error
}

// unpack writes the model in the artifact r to w: r is a tar archive with a
// model at its root, or a model itself, either of them compressed with gzip or
// not. No other file is written. Names that leave the archive, and model files
// that are links or devices, are refused, and so is more than max bytes of model.
func unpack(ctx context.Context, r io.Reader, w sink, max int64) error {
	in := bufio.NewReaderSize(ctxReader{ctx, r}, 64<<10)
	compressed := false
	if head, _ := in.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return readError(ctx, err)
		}
		compressed = true
		in = bufio.NewReaderSize(&bombGuard{r: z, max: max + maxOtherBytes}, 64<<10)
	}
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return readError(ctx, err)
	}
	switch {
	case len(head) == 0:
		return badArchive(nil, "The object is empty.")
	case len(head) == 4 && binary.LittleEndian.Uint32(head) == fastTextMagic:
		err = copyModel(w, in, max)
	default:
		if _, err = in.Peek(512); errors.Is(err, io.EOF) { // shorter than any tar archive
			err = tar.ErrHeader
		} else {
			err = unpackTar(in, w, max)
		}
	}
	if err != nil {
		return readError(ctx, err)
	}
	if compressed { // the checksum stands at the end
		if _, err := io.Copy(io.Discard, in); err != nil {
			return readError(ctx, err)
		}
	}
	return nil
}

// readError turns what readers say about damaged data into a sentence.
func readError(ctx context.Context, err error) error {
	var format *archiveError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &format):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badArchive(err, "The archive ends in the middle: it is truncated. Upload it again.")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), isCorrupt(err):
		return badArchive(err, "The archive is damaged (%v). Upload it again.", err)
	case errors.Is(err, tar.ErrHeader):
		return badArchive(err, "The object is neither a tar archive nor a fastText model. Make one with: tar -czf model.tar.gz %s", modelFile)
	}
	return err
}

func unpackTar(r io.Reader, w sink, max int64) error {
	var nested []string
	taken := ""
	archive := tar.NewReader(r)
	for entries := 0; ; entries++ {
		if entries >= maxEntries {
			return badArchive(nil, "The archive has more than %d entries; pack only %s.", maxEntries, modelFile)
		}
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		name, err := entryName(h.Name)
		if err != nil {
			return err
		}
		if name == calibrationFile && h.Typeflag == tar.TypeReg {
			if err := copyCalibration(w, archive); err != nil {
				return err
			}
			continue
		}
		if name != modelFile && name != vectorsFile {
			if base := path.Base(name); (base == modelFile || base == vectorsFile) && len(nested) < maxNestedNames {
				nested = append(nested, name)
			}
			continue
		}
		switch {
		case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse:
			return badArchive(nil, "In the archive, %s is not a regular file but a %s. Pack the file itself, without links: tar -chzf model.tar.gz %s", name, typeName(h.Typeflag), modelFile)
		case taken == name:
			return badArchive(nil, "The archive holds %s twice; pack it once.", name)
		case taken == modelFile:
			continue // and this is vectors.bin
		}
		if err := w.Reset(); err != nil {
			return err
		}
		if err := copyModel(w, archive, max); err != nil {
			return err
		}
		taken = name
	}
	switch {
	case taken != "":
		return nil
	case len(nested) > 0:
		return badArchive(nil, "The archive has no %s at its root; it is in a folder (%s). Pack it without the folder: tar -czf model.tar.gz -C FOLDER %s",
			modelFile, strings.Join(nested, ", "), modelFile)
	default:
		return badArchive(nil, "The archive has no %s at its root. Make one with: tar -czf model.tar.gz %s", modelFile, modelFile)
	}
}

// entryName is the name of an entry without leading ./; names that could reach
// outside a folder are refused whatever they name.
func entryName(name string) (string, error) {
	refuse := func(why string) (string, error) {
		if len(name) > 200 {
			name = name[:200]
		}
		return "", badArchive(nil, "The archive holds the entry %q, which %s. Pack it again with: tar -czf model.tar.gz %s", name, why, modelFile)
	}
	switch {
	case strings.HasPrefix(name, "/"):
		return refuse("is an absolute name")
	case strings.ContainsAny(name, "\\\x00"):
		return refuse("has characters that are not for names")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return refuse("leads out of the archive")
		}
	}
	return path.Clean(name), nil
}

func typeName(flag byte) string {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink:
		return "link"
	case tar.TypeDir:
		return "folder"
	case tar.TypeChar, tar.TypeBlock:
		return "device"
	case tar.TypeFifo:
		return "pipe"
	}
	return fmt.Sprintf("special file of type %q", flag)
}

func copyModel(w io.Writer, r io.Reader, max int64) error {
	n, err := io.Copy(w, io.LimitReader(r, max+1))
	if err == nil && n > max {
		return badArchive(nil, "The model is larger than the %d bytes that this server allows. Train with fewer buckets or a smaller vector_dim, or quantise it.", max)
	}
	return err
}

func copyCalibration(w sink, r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxCalibration+1))
	if err != nil {
		return err
	}
	if len(text) > maxCalibration {
		return badArchive(nil, "The archive's %s is larger than %d bytes.", calibrationFile, maxCalibration)
	}
	if _, err := fasttext.ParseCalibration(text); err != nil {
		return badArchive(err, "The archive's %s is %v. Make it again, or leave it out.", calibrationFile, err)
	}
	return w.Calibrate(text)
}

// ctxReader stops when its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// bombGuard ends the reading of an archive that unpacks to more than max bytes.
type bombGuard struct {
	r      io.Reader
	n, max int64
}

func (g *bombGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if g.n += int64(n); g.n > g.max {
		return 0, badArchive(nil, "The archive unpacks to more than %d bytes; pack only %s.", g.max, modelFile)
	}
	return n, err
}

// isCorrupt reports whether the inflater met invalid data.
func isCorrupt(err error) bool {
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}
