package trainer

import (
	"archive/tar"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
)

// file is one of an archive: save writes the same bytes each time.
type file struct {
	name string
	save func(io.Writer) error
}

// deliver sends the archive and the final metrics. The archive goes straight
// from memory to the server.
func (r *runner) deliver(metrics []Metric, files ...file) error {
	if err := r.to.write(frameTrained, nil); err != nil {
		return err
	}
	var err error
	if to := (parts{r.to, frameArchive}); r.task.Plain {
		err = packPlain(to, files...)
	} else {
		err = pack(to, files...)
	}
	if err != nil {
		return err
	}
	return r.to.json(frameDone, metrics)
}

// packedAt stands in the archive, so that the same model makes the same archive.
var packedAt = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// pack writes model.tar.gz: one gzip stream of a tar archive with the files at
// its root. Compression is fast rather than small, as weights hardly shrink.
func pack(w io.Writer, files ...file) error {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := packPlain(zip, files...); err != nil {
		return err
	}
	return zip.Close()
}

// packPlain writes the tar archive.
func packPlain(w io.Writer, files ...file) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		var size counter // the header has it, before the content
		if err := f.save(&size); err != nil {
			return err
		}
		err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(size), ModTime: packedAt})
		if err != nil {
			return err
		}
		if err := f.save(archive); err != nil {
			return err
		}
	}
	return archive.Close()
}

// counter is a writer that only counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
