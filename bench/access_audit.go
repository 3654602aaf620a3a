package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/heliograph/heliograph/internal/iam"
)

const (
	signedBody      = 1 << 10 // bytes
	signatureGoal   = 15.0    // microseconds
	signatureChecks = 50_000
)

// signatureCheck measures the check of a signed request's signature, its body
// read and hashed.
func signatureCheck(ctx context.Context, b *bench) error {
	house, err := iam.New(iam.Config{RootKey: iam.Key{ID: benchKeyID, Secret: benchSecret}, AccountID: "000000000000", Region: "us-east-1"})
	if err != nil {
		return err
	}
	body := bytes.Repeat([]byte("x"), signedBody)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost:9000/endpoints/bench/invocations", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: benchKeyID, SecretAccessKey: benchSecret}
	request.ContentLength = signedBody
	if err := v4.NewSigner().SignHTTP(ctx, key, request, hex.EncodeToString(sum[:]), "sagemaker", "us-east-1", time.Now()); err != nil {
		return err
	}
	t := newTable(os.Stdout, wordsIn("check", 40), figuresIn("µs")[0])
	var took []float64
	for range b.runs {
		start := time.Now()
		for range signatureChecks {
			request.Body = io.NopCloser(bytes.NewReader(body))
			if _, err := house.Verify(request); err != nil {
				return err
			}
		}
		took = append(took, float64(time.Since(start).Nanoseconds())/1e3/signatureChecks)
	}
	us := median(took)
	t.row("SigV4 of a request of 1 KB", figure(us))
	b.board.add(verdict{row: "SigV4 check, 1 KB", goal: fmt.Sprintf("under %.0f µs", signatureGoal), figure: figure(us) + " µs", met: us < signatureGoal})
	return nil
}

// auditGoal is what part of an endpoint's throughput the audit trail may cost.
const auditGoal = 0.05

// auditedInvocations measures InvokeEndpoint of two servers in turn: one keeps
// an audit trail and the other does not.
func auditedInvocations(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var servers [2]*server
	for i, kept := range []string{"true", "false"} {
		s, err := startServer(ctx, "control listener ready on http://", b.heliograph, "serve", "--audit="+kept, "--log-level", "error",
			"--data", filepath.Join(b.dir, "audit-"+kept), "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
		if err != nil {
			return err
		}
		if err := deployGenerated(ctx, b, s.address); err != nil {
			return err
		}
		servers[i] = s
	}
	t := newTable(os.Stdout, figuresIn("connections", "with audit/s", "without/s", "rate", "CPU µs with", "without", "CPU")...)
	for _, connections := range []int{1, 8, 64} {
		var rates, costs [2][]float64
		for range 2*b.runs + 1 {
			for i, s := range servers {
				requests, err := signedRequests(ctx, s.address)
				if err != nil {
					return err
				}
				if _, err := hammer(ctx, s.address, connections, invokeWarming, requests); err != nil {
					return err
				}
				before, err := cpuSecondsOf(s.cmd.Process.Pid)
				if err != nil {
					return err
				}
				took, err := hammer(ctx, s.address, connections, invokeTime, requests)
				if err != nil {
					return err
				}
				after, err := cpuSecondsOf(s.cmd.Process.Pid)
				if err != nil {
					return err
				}
				rates[i] = append(rates[i], took.rate)
				costs[i] = append(costs[i], (after-before)*1e6/float64(len(took.took)))
			}
		}
		rate, cost := median(ratios(rates[0], rates[1])), median(ratios(costs[0], costs[1]))
		t.row(strconv.Itoa(connections), fmt.Sprintf("%.0f", median(rates[0])), fmt.Sprintf("%.0f", median(rates[1])), figure(rate),
			fmt.Sprintf("%.1f", median(costs[0])), fmt.Sprintf("%.1f", median(costs[1])), figure(cost))
		b.board.add(verdict{row: "InvokeEndpoint with an audit trail", goal: fmt.Sprintf("costs less than %.0f %% of the rate", 100*auditGoal),
			what: fmt.Sprintf("%d connections", connections), figure: figure(rate), met: rate > 1-auditGoal})
	}
	for _, s := range servers {
		if err := s.stop(); err != nil {
			return fmt.Errorf("stopping the server: %w", err)
		}
	}
	return nil
}

// cpuSecondsOf is the processor time that a process has used.
func cpuSecondsOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time of the server: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may have anything in it
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("processor time of the server: /proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("processor time of the server: /proc/%d/stat has no numbers where it should", pid)
	}
	return (user + system) / 100, nil // ticks, of which there are 100 in a second on Linux
}
