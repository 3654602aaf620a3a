package fasttext

import "github.com/heliograph/heliograph/fasttext/internal/kernel"

// Hashing decides which row an n-gram gets, so every quirk below is part of the
// file format: a model is only as good as the reader's agreement with its writer.

// ngramFactor joins the hashes of neighbouring words.
const ngramFactor = 116049371

// hashWord is the hash of a whole token.
func hashWord[T string | []byte](word T) uint32 {
	h := uint32(kernel.FNVOffset)
	for i := 0; i < len(word); i++ {
		h = kernel.HashByte(h, word[i])
	}
	return h
}

// appendWordNgrams appends the bucket of each n-gram of 2 to n words, in order of
// its first word. hashes are those of every word of the line, in the vocabulary or
// not. They are joined as sign-extended 64-bit numbers.
func appendWordNgrams(dst []int32, hashes []uint32, n int, bucket uint64, base int32) []int32 {
	for i, first := range hashes {
		h := uint64(int64(int32(first)))
		last := min(i+n, len(hashes))
		for _, next := range hashes[i+1 : max(last, i+1)] {
			h = h*ngramFactor + uint64(int64(int32(next)))
			dst = append(dst, base+int32(h%bucket))
		}
	}
	return dst
}

// appendSubwords appends the bucket of each character n-gram of <word>, with the
// angle brackets as characters; a bracket alone is left out. Characters are UTF-8
// sequences: any byte 10xxxxxx belongs to the character before it. tmp is scratch.
func appendSubwords[T string | []byte](dst []int32, word T, minn, maxn int, bucket uint32, tmp *[]byte) []int32 {
	w := append((*tmp)[:0], '<')
	w = append(w, word...)
	w = append(w, '>')
	*tmp = w
	for i := range w {
		if w[i]&0xC0 == 0x80 {
			continue
		}
		h := uint32(kernel.FNVOffset)
		for j, n := i, 1; j < len(w) && n <= maxn; n++ {
			h = kernel.HashByte(h, w[j])
			j++
			for j < len(w) && w[j]&0xC0 == 0x80 {
				h = kernel.HashByte(h, w[j])
				j++
			}
			if n >= minn && (n > 1 || i > 0 && j < len(w)) {
				dst = append(dst, int32(h%bucket))
			}
		}
	}
	return dst
}
