package iam

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/heliograph/heliograph/internal/errs"
)

// ChunkVerifier checks the signatures of an aws-chunked body, in the order of
// its chunks: each covers the one before, the first that of the request
// ("Signature calculations for the Authorization header: transferring payload
// in multiple chunks" of the S3 API reference). It is not safe for concurrent use.
type ChunkVerifier struct {
	key          *signingKey
	stamp, scope string
	previous     string
}

// VerifyChunk checks the next chunk, the last one of no bytes included. A wrong
// signature is Unauthenticated with code CodeMismatch, and so is all that follows.
func (v *ChunkVerifier) VerifyChunk(signature string, chunk []byte) error {
	return v.verify("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n", signature, chunk)
}

// VerifyTrailer checks the trailing headers, given as they are signed: for each
// its lower-case name, a colon, the trimmed value and "\n". It comes after the
// last chunk.
func (v *ChunkVerifier) VerifyTrailer(signature string, trailer []byte) error {
	return v.verify("AWS4-HMAC-SHA256-TRAILER", "", signature, trailer)
}

func (v *ChunkVerifier) verify(algorithm, middle, signature string, data []byte) error {
	sum := sha256.Sum256(data)
	toSign := make([]byte, 0, 320)
	toSign = append(toSign, algorithm+"\n"...)
	toSign = append(toSign, v.stamp+"\n"...)
	toSign = append(toSign, v.scope+"\n"...)
	toSign = append(toSign, v.previous+"\n"...)
	toSign = append(toSign, middle...)
	toSign = hex.AppendEncode(toSign, sum[:])
	if v.previous == "" || !v.key.signed(toSign, signature) {
		v.previous = ""
		return errs.New(errs.Unauthenticated, CodeMismatch, "The signature of a chunk of the body does not match the one computed for it.")
	}
	v.previous = signature
	return nil
}
