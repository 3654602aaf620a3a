package iam

import "net/http"

// Result is what Verify found out about a request.
type Result struct {
	Principal Principal
	Service   string         // scope service, e.g. "s3"; "s3" for Version 2
	Region    string         // scope region; the server's own for Version 2
	Presigned bool           // the signature was in the query
	Chunks    *ChunkVerifier // not nil if the body's chunks are signed and must be checked while reading
}

// Verify proves who sent the request.
func (s *Service) Verify(r *http.Request) (Result, error) {
	return Result{}, unauthenticated(CodeMissingToken, "Missing Authentication Token")
}

func ScopeService(r *http.Request) string { return "" }

type ChunkVerifier struct{}
type signingKeys struct{}
