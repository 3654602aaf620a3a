package main

import "context"

// access measures what a call pays for its signature, for being decided, and for
// the account that is kept of it.
func access(ctx context.Context, b *bench) error {
	if err := b.decisions(); err != nil {
		return err
	}
	if err := signatureCheck(ctx, b); err != nil {
		return err
	}
	return auditedInvocations(ctx, b)
}
