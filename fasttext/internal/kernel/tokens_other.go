//go:build !amd64 || purego

package kernel

func (level) spaces(masks []uint64, text []byte) { plainSpaces(masks, text) }

func (level) hashTokens(*Tokens, []byte, int) int { return 0 }
