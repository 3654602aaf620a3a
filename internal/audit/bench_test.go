package audit_test

import (
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/audit"
)

// BenchmarkRecord is an invocation's entry, alone and with others at its side.
func BenchmarkRecord(b *testing.B) {
	entry := audit.Entry{Time: time.Now(), Decision: audit.Allowed, Principal: "arn:aws:sts::000000000000:assumed-role/SageMakerRole/local",
		Key: "AKIAIOSFODNN7EXAMPLE", Action: "sagemaker:InvokeEndpoint", Resource: "arn:aws:sagemaker:us-east-1:000000000000:endpoint/category",
		Operation: "InvokeEndpoint", Request: "67541628-626a-4144-ab3a-0734126c81cd", Source: "127.0.0.1",
		Agent: "Boto3/1.40.11 md/Botocore#1.43.11 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython", Policy: "builtin:root key", Statement: "#1"}
	b.Run("alone", func(b *testing.B) {
		trail := mustOpen(b, b.TempDir(), func(o *audit.Options) { o.Keep = 2 })
		b.ReportAllocs()
		for b.Loop() {
			mustRecord(b, trail, entry)
		}
		mustClose(b, trail)
	})
	b.Run("among others", func(b *testing.B) {
		trail := mustOpen(b, b.TempDir(), func(o *audit.Options) { o.Keep = 2 })
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				e := entry
				if err := trail.Record(b.Context(), &e); err != nil {
					b.Error(err)
				}
			}
		})
		mustClose(b, trail)
	})
}
