package blob

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// folderCache keeps the sorted entries of the large folders listed last, so that
// paging through a folder of a million objects does not read and sort it a
// thousand times. An entry holds only while the folder's modification time
// stands, and is kept only if that was well past when the folder was read: a
// change within the same tick of the file system's clock can't hide.
type folderCache struct {
	mu      sync.Mutex
	folders []cachedFolder // used last comes last
}

type cachedFolder struct {
	dir      string
	modified time.Time
	entries  []entry
}

const (
	cacheMin  = 2000            // entries of a folder worth keeping
	cacheMax  = 1 << 20         // entries of all folders kept, some 100 bytes each
	clockTick = 2 * time.Second // the coarsest clock of a file system in use
)

// read returns the entries of dir in order of their texts. The caller must not
// change them.
func (c *folderCache) read(dir string) ([]entry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if entries, ok := c.get(dir, info.ModTime()); ok {
		return entries, nil
	}
	began := time.Now()
	found, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(found))
	for _, e := range found {
		if parsed, ok := ours(e); ok {
			entries = append(entries, parsed)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	if n := len(entries); n >= cacheMin && began.Sub(info.ModTime()) > clockTick {
		c.put(cachedFolder{dir: dir, modified: info.ModTime(), entries: entries})
	}
	return entries, nil
}

func (c *folderCache) get(dir string, modified time.Time) ([]entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.folders, func(f cachedFolder) bool { return f.dir == dir })
	if i < 0 {
		return nil, false
	}
	folder := c.folders[i]
	c.folders = slices.Delete(c.folders, i, i+1)
	if !folder.modified.Equal(modified) {
		return nil, false
	}
	c.folders = append(c.folders, folder)
	return folder.entries, true
}

func (c *folderCache) put(folder cachedFolder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folders = slices.DeleteFunc(c.folders, func(f cachedFolder) bool { return f.dir == folder.dir })
	c.folders = append(c.folders, folder)
	total := 0
	for i := len(c.folders) - 1; i >= 0; i-- {
		if total += len(c.folders[i].entries); total > cacheMax {
			c.folders = slices.Delete(c.folders, 0, i+1)
			return
		}
	}
}

// ours reads a name found in a folder.
func ours(e fs.DirEntry) (entry, bool) {
	if !e.IsDir() && !e.Type().IsRegular() {
		return entry{}, false
	}
	return parseEntry(e.Name(), e.IsDir())
}
