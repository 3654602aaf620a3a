// Package web holds the pages that come with Heliograph. They are plain files
// that need no build, no server of their own and nothing from elsewhere.
package web

import (
	"embed"
	"io/fs"
	"path"
)

//go:embed site
var site embed.FS

// File is one file of a site.
type File struct {
	Name        string // its path in the site, also its key in a bucket: "index.html"
	ContentType string
	Data        []byte
}

// The documents that a bucket's website configuration names.
const (
	Index = "index.html"
	Error = "error.html"
)

// contentTypes is all that the site is made of; a test holds it to that.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Site returns the files of the triage page, to be put into a bucket that is
// hosted as a site.
func Site() ([]File, error) {
	var files []File
	err := fs.WalkDir(site, "site", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := site.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, File{Name: name[len("site/"):], ContentType: contentTypes[path.Ext(name)], Data: data})
		return nil
	})
	return files, err
}
