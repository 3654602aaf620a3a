package fasttext_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/fasttext"
)

// sameHash returns two words that the dictionary's hash does not tell apart.
func sameHash() (string, string) {
	seen := map[uint32]string{}
	for i := 0; ; i++ {
		word := fmt.Sprintf("c%x", i)
		h := fnv.New32a() // the dictionary's, for ASCII
		h.Write([]byte(word))
		if other, ok := seen[h.Sum32()]; ok {
			return other, word
		}
		seen[h.Sum32()] = word
	}
}

// Large dictionaries are indexed while they are read, if they are in memory: that gives what reading them
// word by word does.
func TestLargeDictionaries(t *testing.T) {
	t.Parallel()
	one, other := sameHash()
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "__label__%d", i%7)
		for j := range 8 {
			fmt.Fprintf(&text, " word%05d", 8*i+j)
		}
		text.WriteByte('\n')
	}
	fmt.Fprintf(&text, "__label__0 %s\n__label__1 %s\n", one, other)
	m := mustTrain(t, []byte(text.String()), func(o *fasttext.TrainOptions) { o.Epoch, o.Dim = 1, 3 })
	file := saved(t, m)
	twice := bytes.Replace(file, []byte("word20000\x00"), []byte("word30000\x00"), 1) // which stands there then twice

	for name, file := range map[string][]byte{"trained": file, "a word twice": twice} {
		read, err := fasttext.Load(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "model.bin")
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		opened, err := fasttext.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		if read.Words() != 40003 || opened.Words() != read.Words() || !slices.Equal(opened.Labels(), read.Labels()) {
			t.Fatalf("%s: %d and %d words, labels %v and %v", name, read.Words(), opened.Words(), read.Labels(), opened.Labels())
		}
		for i := range read.Words() {
			word, count := read.Word(i)
			if w, n := opened.Word(i); w != word || n != count {
				t.Fatalf("%s: word %d is %s (%d), want %s (%d)", name, i, w, n, word, count)
			}
			if got, want := opened.WordVector(nil, word), read.WordVector(nil, word); !slices.Equal(got, want) {
				t.Fatalf("%s: %s has %v, want %v", name, word, got, want)
			}
		}
		if !bytes.Equal(saved(t, opened), file) {
			t.Errorf("%s: saved again, it is another file", name)
		}
		if slices.Equal(opened.WordVector(nil, one), opened.WordVector(nil, other)) {
			t.Errorf("%s: %s and %s are one word", name, one, other)
		}
	}

	end := bytes.LastIndex(file, []byte("word39999\x00"))
	for _, at := range []int{100, 5000, end - 1000, end, end + 9, end + 10, end + 14, end + 18, end + 19} {
		_, readErr := fasttext.Load(bytes.NewReader(file[:at]))
		_, err := fasttext.LoadBytes(file[:at])
		if err == nil || readErr == nil || err.Error() != readErr.Error() {
			t.Errorf("cut at byte %d: %v, read word by word: %v", at, err, readErr)
		}
	}
	kind := slices.Clone(file)
	kind[end+18] = 1
	if _, err := fasttext.LoadBytes(kind); err == nil || !strings.Contains(err.Error(), "is of kind 1: want words (0)") {
		t.Errorf("a label among words: %v", err)
	}
	many := slices.Clone(file[:1<<20])
	at := 8 + 12*4 + 8 // behind the options
	binary.LittleEndian.PutUint32(many[at:], 100_000)
	binary.LittleEndian.PutUint32(many[at+4:], 99_993)
	if _, err := fasttext.LoadBytes(many); err == nil {
		t.Error("a dictionary with more words than there are was read")
	}
}
