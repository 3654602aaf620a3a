//go:build !linux

package fasttext

func adviseHugePages([]float32) {}
