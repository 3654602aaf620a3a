package blob

import "os"

// earlyStep is how many bytes gather before the disk is given them.
const earlyStep = 4 << 20

// early writes a file and has the disk begin with what was written, so that the
// sync at the end has little left to wait for.
type early struct {
	f              *os.File
	written, begun int64
}

func (e *early) Write(p []byte) (int, error) {
	n, err := e.f.Write(p)
	e.written += int64(n)
	if e.written-e.begun >= earlyStep {
		beginWriting(e.f, e.begun, e.written-e.begun)
		e.begun = e.written
	}
	return n, err
}
