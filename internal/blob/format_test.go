package blob

import (
	"bytes"
	"hash/crc32"
	"hash/crc64"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// textOf reads a path back, name by name, as a listing does.
func textOf(t *testing.T, p string) string {
	t.Helper()
	var text strings.Builder
	names := strings.Split(p, "/")
	for i, name := range names {
		if len(name) > 255 || name == "." || name == ".." || name == "" || strings.ContainsAny(name, "\x00\\") {
			t.Fatalf("%q of %q is no safe file name", name, p)
		}
		if name != strings.ToLower(name) {
			t.Fatalf("%q of %q changes where case is folded", name, p)
		}
		e, ok := parseEntry(name, i < len(names)-1)
		if !ok {
			t.Fatalf("%q of %q can't be read back", name, p)
		}
		text.WriteString(e.text)
	}
	return text.String()
}

// FuzzKeyPath asserts that keys go to safe paths and come back, and that walking
// folders in order of their entries' texts is walking in order of the keys.
func FuzzKeyPath(f *testing.F) {
	long := strings.Repeat("x", 80)
	for _, s := range [][2]string{
		{"a", "a/b"}, {"a/", "a//"}, {".", ".."}, {"A", "a"}, {long, long + "/"}, {long + "!", long + "/"}, {long[1:] + "é", long[1:] + "a"},
		{"a\x00b", "\xff"}, {"#", "+"}, {"%", "%2f"}, {"^a", "A"}, {strings.Repeat("/", 9), ""}, {long + long, long + long + "/a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		pa, pb := objectPath(a), objectPath(b)
		if got := textOf(t, pa); got != a {
			t.Fatalf("%q became %q and came back as %q", a, pa, got)
		}
		if (pa == pb) != (a == b) {
			t.Fatalf("%q and %q have the paths %q and %q", a, b, pa, pb)
		}
		if len(a) <= MaxKeyLength && len(pa) > 3200 {
			t.Fatalf("the path of a key of %d bytes has %d", len(a), len(pa))
		}
		dir, covers := folderPath(a)
		if !strings.HasPrefix(objectPath(a+b), dir) || dir != "" && textOf(t, dir+"#") != a[:covers] {
			t.Fatalf("the folder %q for the prefix %q does not hold %q", dir, a, a+b)
		}
		if a == b {
			return
		}
		na, nb := strings.Split(pa, "/"), strings.Split(pb, "/")
		i := 0
		for na[i] == nb[i] {
			i++
		}
		ea, _ := parseEntry(na[i], i < len(na)-1)
		eb, _ := parseEntry(nb[i], i < len(nb)-1)
		if strings.Compare(ea.text, eb.text) != strings.Compare(a, b) {
			t.Fatalf("the entries %q and %q sort otherwise than the keys %q and %q", ea.text, eb.text, a, b)
		}
	})
}

// FuzzParseEntry asserts that only names which objectPath makes are taken for
// ours, so that no two names stand for one key.
func FuzzParseEntry(f *testing.F) {
	for _, name := range []string{"a#", "a", "%", "#", "%2e", "%2E#", "%61#", "^a#", "A#", "%2f#", "a+", strings.Repeat("%ff", 80) + "+", "^", "%2", "..", ".DS_Store", "lost+found"} {
		f.Add(name, true)
		f.Add(name, false)
	}
	f.Fuzz(func(t *testing.T, name string, isDir bool) {
		e, ok := parseEntry(name, isDir)
		if !ok {
			return
		}
		var want string
		switch e.kind {
		case objectEntry:
			want = objectPath(e.text)
		case folderEntry:
			want = path.Dir(objectPath(e.text + "x"))
		case pieceEntry:
			want = path.Dir(objectPath(e.text + "x"))
		}
		if want != name {
			t.Fatalf("%q was read as %+v, which is written as %q", name, e, want)
		}
	})
}

// FuzzFooter asserts that any file is refused or reads back to itself, and that
// what it says fits it.
func FuzzFooter(f *testing.F) {
	info := ObjectInfo{
		Key: "k", ETag: "e", Modified: time.Unix(1, 2).UTC(), ContentType: "t", Headers: map[string]string{"h": "1"}, Metadata: map[string]string{"m": "\xff", "": ""},
		Checksums: map[string]string{"crc32": "AAAA"}, PartSizes: []int64{3, 4},
	}
	whole := appendFooter([]byte("content"), objectFields(info, "id"), 7)
	f.Add(whole)
	for n := range whole {
		f.Add(whole[:n])
		f.Add(whole[n:])
	}
	big := fields{}
	for i := range 3000 {
		big[strings.Repeat("k", 1+i%50)+string(rune(i))] = "v"
	}
	f.Add(appendFooter(nil, big, 0))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, n, err := readFooter(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if n > int64(len(file)) || !bytes.Equal(appendFooter(file[:n:n], got, n), file) {
			t.Fatalf("%d bytes of content and the fields %q do not make the file again", n, got)
		}
		o, err := objectFromFields("b", got[fieldKey], got, n)
		if err == nil && o.Parts > 0 {
			var sum int64
			for _, size := range o.PartSizes {
				sum += size
			}
			if sum != n {
				t.Fatalf("parts of %v in %d bytes", o.PartSizes, n)
			}
		}
	})
}

func TestFooterKeepsEverything(t *testing.T) {
	t.Parallel()
	sizes := make([]int64, MaxParts)
	for i := range sizes {
		sizes[i] = int64(5<<20 + i)
	}
	whole := ObjectInfo{
		Bucket: "b", Key: "k", ETag: "e-10000", Modified: time.Unix(1e9, 123456789).UTC(), ContentType: "t",
		Headers: map[string]string{"cache-control": "x"}, Metadata: map[string]string{"a": "b", "c": ""}, Checksums: map[string]string{"crc32": "c"},
		Parts: MaxParts, PartSizes: sizes,
	}
	for _, n := range sizes {
		whole.Size += n
	}
	f := objectFields(whole, "id")
	encoded := appendFooter(nil, f, 0)
	got, _, err := readFooter(bytes.NewReader(encoded), int64(len(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := objectFromFields("b", "k", got, whole.Size)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.PartSizes, sizes) || o.Modified != whole.Modified || o.Metadata["a"] != "b" || len(o.Metadata) != 2 || o.Parts != MaxParts || got[fieldUpload] != "id" {
		t.Errorf("came back as %+v", o)
	}
}

func TestCombineCRC(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("the quick brown fox ", 1000))
	for _, cut := range []int{0, 1, 7, 8, 4096, 19999, 20000} {
		a, b := text[:cut], text[cut:]
		if got, want := combineCRC(crc32.IEEE, 32, uint64(crc32.ChecksumIEEE(a)), uint64(crc32.ChecksumIEEE(b)), int64(len(b))), uint64(crc32.ChecksumIEEE(text)); got != want {
			t.Errorf("cut at %d: CRC-32 %08x, want %08x", cut, got, want)
		}
		if got, want := combineCRC(algorithms["crc64nvme"].poly, 64, crc64.Checksum(a, nvme), crc64.Checksum(b, nvme), int64(len(b))), crc64.Checksum(text, nvme); got != want {
			t.Errorf("cut at %d: CRC-64 %016x, want %016x", cut, got, want)
		}
	}
}
