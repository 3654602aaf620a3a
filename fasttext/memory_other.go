//go:build !linux

package fasttext

func (m *dense) allocate(n int) { m.data = make([]float32, n) }

func adviseHugePages([]float32) {}
