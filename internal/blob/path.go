package blob

import (
	"strings"
)

// How a key becomes a path (see docs/decisions/0002-blob-layout.md).
//
// A key is cut at "/"; all components but the last become folders, the last one
// a file. Names are escaped so that any key is safe on any file system, also one
// that folds case or Unicode forms: a-z, 0-9 and "-_.=,@" stand for themselves,
// a capital X is "^x", any other byte "%hh". A file's name ends in "#". A folder
// for an empty component is "%", for "." and ".." the dots are escaped.
//
// A component of pieceLen bytes or more is cut: each full piece becomes a folder
// ending in "+" that holds the rest, which may be empty. A name is thus at most
// 3*pieceLen+1 bytes.
//
// The cut is by bytes of the key, and a piece of pieceLen bytes is never the
// end of a component. So, of the entries of one folder with the key text each
// stands for (file "x", folder "x/", piece "x"), no folder's or piece's text is
// a prefix of another entry's, and walking a folder in byte order of these texts
// visits all keys in byte order.
const pieceLen = 80

const (
	objectMark = '#'
	pieceMark  = '+'
	emptyName  = "%"
)

// objectPath returns the path of key's file below the bucket's object folder,
// with "/" between names.
func objectPath(key string) string {
	var b strings.Builder
	b.Grow(len(key) + len(key)/8 + 8)
	slash := strings.LastIndexByte(key, '/')
	appendFolders(&b, key[:slash+1])
	last := appendPieces(&b, key[slash+1:])
	escape(&b, last)
	b.WriteByte(objectMark)
	return b.String()
}

// folderPath returns the path of the deepest folder that holds all keys with
// the given prefix, "" or ending in "/", and how much of prefix it stands for.
func folderPath(prefix string) (path string, covers int) {
	var b strings.Builder
	slash := strings.LastIndexByte(prefix, '/')
	appendFolders(&b, prefix[:slash+1])
	rest := appendPieces(&b, prefix[slash+1:])
	return b.String(), len(prefix) - len(rest)
}

// appendFolders appends the folders of prefix, which is "" or ends in "/".
func appendFolders(b *strings.Builder, prefix string) {
	for prefix != "" {
		component, rest, _ := strings.Cut(prefix, "/")
		escapeFolder(b, appendPieces(b, component))
		b.WriteByte('/')
		prefix = rest
	}
}

// appendPieces appends a folder for each full piece of component and returns
// what is left of it.
func appendPieces(b *strings.Builder, component string) string {
	for len(component) >= pieceLen {
		escape(b, component[:pieceLen])
		b.WriteByte(pieceMark)
		b.WriteByte('/')
		component = component[pieceLen:]
	}
	return component
}

const hexDigits = "0123456789abcdef"

func escape(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case plain(c):
			b.WriteByte(c)
		case 'A' <= c && c <= 'Z':
			b.WriteByte('^')
			b.WriteByte(c + 'a' - 'A')
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.=,@", c) >= 0
}

func escapeFolder(b *strings.Builder, s string) {
	switch s {
	case "":
		b.WriteString(emptyName)
	case ".":
		b.WriteString("%2e")
	case "..":
		b.WriteString("%2e%2e")
	default:
		escape(b, s)
	}
}

type entryKind uint8

const (
	objectEntry entryKind = iota
	folderEntry
	pieceEntry
)

// entry is one name of a folder on disk and the key text it stands for, relative
// to its folder's.
type entry struct {
	name string
	text string
	kind entryKind
}

// parseEntry reads a name found on disk; ok is false for one that objectPath
// never makes, which is not ours.
func parseEntry(name string, isDir bool) (e entry, ok bool) {
	e = entry{name: name, kind: folderEntry}
	escaped := name
	switch {
	case name == "":
		return e, false
	case !isDir:
		if name[len(name)-1] != objectMark {
			return e, false
		}
		e.kind, escaped = objectEntry, name[:len(name)-1]
	case name[len(name)-1] == pieceMark:
		e.kind, escaped = pieceEntry, name[:len(name)-1]
	case name == emptyName:
		escaped = ""
	}
	e.text, ok = unescape(escaped)
	if !ok || (len(e.text) >= pieceLen) != (e.kind == pieceEntry) || len(e.text) > pieceLen {
		return e, false
	}
	var b strings.Builder
	if e.kind == folderEntry {
		escapeFolder(&b, e.text)
		e.text += "/"
	} else {
		escape(&b, e.text)
	}
	if e.kind == folderEntry && b.String() != name || e.kind != folderEntry && b.String() != escaped {
		return e, false
	}
	return e, true
}

func unescape(s string) (string, bool) {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case plain(c):
			b.WriteByte(c)
		case c == '^':
			if i++; i == len(s) || s[i] < 'a' || s[i] > 'z' {
				return "", false
			}
			b.WriteByte(s[i] - 'a' + 'A')
		case c == '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
			if hi < 0 || lo < 0 || hi == 2 && lo == 15 { // an escaped "/" is no component
				return "", false
			}
			b.WriteByte(byte(hi<<4 | lo))
			i += 2
		default:
			return "", false
		}
	}
	return b.String(), true
}
