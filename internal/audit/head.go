package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// headFile says how far the trail reaches on the disk, so that one that was cut
// short is noticed. It is overwritten in place and has one size.
const (
	headFile = "head.json"
	headSize = 512
)

// head is the file's content.
type head struct {
	Seq       uint64    `json:"seq"`
	Hash      string    `json:"hash"`
	Offset    int64     `json:"offset"` // end of the entry in its file
	Time      time.Time `json:"time"`
	Signature []byte    `json:"signature"` // Ed25519 over statement
}

// statement is what is signed.
func (h head) statement() []byte {
	return fmt.Appendf(nil, "heliograph audit trail\n%d\n%s\n%s\n", h.Seq, h.Hash, h.Time.Format(time.RFC3339Nano))
}

func (h head) point() (p Point, err error) {
	p.Seq, p.offset = h.Seq, h.Offset
	sum, err := hex.DecodeString(h.Hash)
	if err != nil || len(sum) != sha256.Size {
		return p, fmt.Errorf("%s has no hash", headFile)
	}
	copy(p.Hash[:], sum)
	return p, nil
}

func (t *Trail) writeHead(p Point) error {
	if t.head == nil {
		f, err := os.OpenFile(filepath.Join(t.opt.Dir, headFile), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		t.head = f
	}
	h := head{Seq: p.Seq, Hash: hex.EncodeToString(p.Hash[:]), Offset: p.offset, Time: t.opt.Now().UTC()}
	h.Signature = ed25519.Sign(t.opt.Key, h.statement())
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte{' '}, headSize-1-len(text))...)
	_, err = t.head.WriteAt(append(text, '\n'), 0)
	return err
}

// readHead reads the position that is on the disk and checks its signature. It
// is fs.ErrNotExist if there never was one.
func readHead(dir string, key ed25519.PublicKey) (Point, time.Time, error) {
	text, err := os.ReadFile(filepath.Join(dir, headFile))
	if err != nil {
		return Point{}, time.Time{}, err
	}
	var h head
	if len(text) != headSize || json.Unmarshal(text, &h) != nil {
		return Point{}, time.Time{}, fmt.Errorf("%s is damaged", headFile)
	}
	if !ed25519.Verify(key, h.statement(), h.Signature) {
		return Point{}, time.Time{}, fmt.Errorf("the signature of %s is not by this trail's key", headFile)
	}
	p, err := h.point()
	return p, h.Time, err
}

// PublicKeyFile is the public half of the key that signs positions, in base64,
// in the trail's folder. Who keeps a copy elsewhere can check with that one.
const PublicKeyFile = "signing.pub"

// ReadPublicKey reads the public half from dir.
func ReadPublicKey(dir string) (ed25519.PublicKey, error) {
	text, err := os.ReadFile(filepath.Join(dir, PublicKeyFile))
	if err != nil {
		return nil, err
	}
	return ParsePublicKey(string(text))
}

// ParsePublicKey reads a public key as PublicKeyFile has it, in base64.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace([]byte(text))))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("the public key of an audit trail is 32 bytes in base64, as " + PublicKeyFile + " has it")
	}
	return key, nil
}

// writeFile publishes a file by a rename.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
