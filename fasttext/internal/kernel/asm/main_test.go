package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The files that are there are those that the generator writes.
func TestGenerated(t *testing.T) {
	for name, want := range files() {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes now: go generate ./fasttext/internal/kernel", name)
		}
	}
}
