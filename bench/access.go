package main

import "context"

// access measures what a call pays for being decided.
func access(_ context.Context, b *bench) error {
	return b.decisions()
}
