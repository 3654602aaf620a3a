package blob

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
)

const maxPage = 1000

// List implements [ObjectStore]. It reads the folders on the way to the page and
// those that the page touches, no others.
func (d *Dir) List(ctx context.Context, bucketName string, opt ListOptions) (ListPage, error) {
	b, err := d.bucket(ctx, bucketName)
	if err != nil {
		return ListPage{}, err
	}
	limit := opt.Max
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var page ListPage
	if len(opt.Prefix) > MaxKeyLength {
		return page, nil // longer than any key
	}
	w := d.walk(b, opt)
	for n := 0; ; n++ {
		it, err := w.next(ctx)
		if err != nil {
			return ListPage{}, storageError(err, "list bucket "+bucketName)
		}
		if it == nil {
			return page, nil
		}
		if n == limit {
			page.Truncated = true
			return page, nil
		}
		page.Next = it.text
		if it.isPrefix {
			page.CommonPrefixes = append(page.CommonPrefixes, it.text)
		} else {
			page.Objects = append(page.Objects, it.info)
		}
	}
}

// item is one line of a listing: a common prefix or an object.
type item struct {
	text     string // the common prefix or the key
	isPrefix bool
	info     ObjectInfo
}

// walker visits a bucket's objects in byte order of their keys. It keeps one
// folder's entries per level.
type walker struct {
	d     *Dir
	b     *bucket
	opt   ListOptions // After moves along with what was returned
	stack []level
	err   error // met when the first folder was read
}

type level struct {
	dir     string
	text    string // the key text all of its entries begin with
	entries []entry
}

func (d *Dir) walk(b *bucket, opt ListOptions) *walker {
	w := &walker{d: d, b: b, opt: opt}
	path, covers := folderPath(opt.Prefix)
	w.err = w.push(b.file(path), opt.Prefix[:covers])
	return w
}

func (w *walker) push(dir, text string) error {
	entries, err := w.d.listed.read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no such folder, or gone meanwhile with the last object in it
	}
	if err != nil {
		return err
	}
	w.stack = append(w.stack, level{dir: dir, text: text, entries: entries})
	return nil
}

// next returns the next item greater than After, or nil at the end.
func (w *walker) next(ctx context.Context) (*item, error) {
	if w.err != nil {
		return nil, w.err
	}
	for len(w.stack) > 0 {
		if ctx.Err() != nil {
			return nil, cancelled(ctx)
		}
		top := &w.stack[len(w.stack)-1]
		if len(top.entries) == 0 {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		e, text := top.entries[0], top.text+top.entries[0].text
		top.entries = top.entries[1:]
		if !w.wants(e.kind, text) {
			continue
		}
		it, err := w.visit(filepath.Join(top.dir, e.name), e.kind, text)
		if it != nil || err != nil {
			return it, err
		}
	}
	return nil, nil
}

// wants reports whether an entry that stands for text can hold keys of the
// prefix that are greater than After.
func (w *walker) wants(kind entryKind, text string) bool {
	if kind == objectEntry {
		return strings.HasPrefix(text, w.opt.Prefix) && text > w.opt.After
	}
	if !strings.HasPrefix(text, w.opt.Prefix) && !strings.HasPrefix(w.opt.Prefix, text) {
		return false
	}
	return text > w.opt.After || strings.HasPrefix(w.opt.After, text)
}

// visit turns an entry into an item, or descends into it and returns nil.
func (w *walker) visit(path string, kind entryKind, text string) (*item, error) {
	if common, ok := w.commonPrefix(text); ok {
		if common <= w.opt.After {
			return nil, nil
		}
		if kind != objectEntry {
			if found, err := holdsObject(path); !found || err != nil {
				return nil, err
			}
		}
		w.opt.After = common
		return &item{text: common, isPrefix: true}, nil
	}
	if kind != objectEntry {
		return nil, w.push(path, text)
	}
	info, err := w.b.stat(text)
	if errs.Is(err, errs.NotFound) {
		return nil, nil // deleted since the folder was read
	}
	if err != nil {
		return nil, err
	}
	w.opt.After = text
	return &item{text: text, info: info}, nil
}

// commonPrefix returns text up to and with the first delimiter after the prefix.
func (w *walker) commonPrefix(text string) (string, bool) {
	return commonPrefix(text, w.opt.Prefix, w.opt.Delimiter)
}

func commonPrefix(text, prefix, delimiter string) (string, bool) {
	if delimiter == "" || !strings.HasPrefix(text, prefix) {
		return "", false
	}
	i := strings.Index(text[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return text[:len(prefix)+i+len(delimiter)], true
}
