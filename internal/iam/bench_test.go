package iam_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/iam"
)

// BenchmarkVerify is the whole check of a request with a body of 1 KiB.
func BenchmarkVerify(b *testing.B) {
	body := strings.Repeat("x", 1024)
	for _, service := range []string{"sagemaker", "s3"} {
		b.Run(service, func(b *testing.B) {
			s := newService(b, at(noon))
			r := httptest.NewRequest("POST", "http://localhost:9000/endpoints/an-endpoint/invocations", nil)
			r.Header.Set("Content-Type", "application/json")
			sign(b, testKey, service, "us-east-1", noon, r, body)
			b.ReportAllocs()
			for b.Loop() {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				if err := judge(s, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAuthorize(b *testing.B) {
	s := newService(b)
	ctx := iam.WithPrincipal(b.Context(), mustAct(b, s, "lambda.amazonaws.com", iam.FunctionRole))
	for b.Loop() {
		if err := s.Authorize(ctx, "sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:000000000000:endpoint/category"); err != nil {
			b.Fatal(err)
		}
	}
}
