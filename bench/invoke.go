package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/heliograph/heliograph/fasttext"
)

const (
	invokeWords   = 50              // of a text
	invokeTexts   = 256             // different ones
	invokeTime    = 3 * time.Second // of one run
	invokeWarming = 500 * time.Millisecond
	invokeJudged  = 64 // connections
)

// invoke measures InvokeEndpoint on a running server beside a bare net/http
// handler in a process of its own. Both get the very same bytes: requests signed
// with SigV4, each with a text of 50 words, over connections that stay open.
func invoke(ctx context.Context, b *bench) error {
	// Both processes end with this section, however it ends.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	peer, err := startServer(ctx, bareReady, self, "-bare")
	if err != nil {
		return err
	}
	ours, err := startServer(ctx, "control listener ready on http://", b.heliograph, "serve",
		"--data", filepath.Join(b.dir, "serve"), "--control-listen", "127.0.0.1:0", "--public-listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := deployGenerated(ctx, b, ours.address); err != nil {
		return err
	}
	t := newTable(os.Stdout, figuresIn("connections", "heliograph/s", "p50 µs", "p99 µs", "bare/s", "p50 µs", "p99 µs", "rate", "p99 ratio")...)
	for _, connections := range []int{1, 8, 64} {
		var rates, p50s, p99s [2][]float64
		for range b.runs {
			for i, s := range []*server{ours, peer} {
				requests, err := signedRequests(ctx, ours.address)
				if err != nil {
					return err
				}
				if _, err := hammer(ctx, s.address, connections, invokeWarming, requests); err != nil {
					return err
				}
				took, err := hammer(ctx, s.address, connections, invokeTime, requests)
				if err != nil {
					return err
				}
				rates[i] = append(rates[i], took.rate)
				p50s[i] = append(p50s[i], took.percentile(0.5))
				p99s[i] = append(p99s[i], took.percentile(0.99))
			}
		}
		rate, slower := ratios(rates[0], rates[1]), ratios(p99s[0], p99s[1])
		cells := []string{strconv.Itoa(connections)}
		for _, v := range []float64{median(rates[0]), median(p50s[0]), median(p99s[0]), median(rates[1]), median(p50s[1]), median(p99s[1])} {
			cells = append(cells, fmt.Sprintf("%.0f", v))
		}
		t.row(append(cells, figure(median(rate)), figure(median(slower)))...)
		if connections == invokeJudged {
			b.board.add(verdict{row: "InvokeEndpoint", goal: "half the rate of a bare handler, p99 under 4 times its",
				what: fmt.Sprintf("%d connections", connections), figure: figure(median(rate)) + ", p99 " + figure(median(slower)),
				met: median(rate) >= 0.5 && median(slower) < 4})
		}
	}
	if err := invokeBatch(ctx, b, ours); err != nil {
		return err
	}
	if err := ours.stop(); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	return peer.stop()
}

// deployGenerated trains on generated text and makes the endpoint "bench" of the model.
func deployGenerated(ctx context.Context, b *bench, address string) error {
	args := fasttext.SupervisedDefaults()
	args.Dim, args.WordNgrams, args.Bucket, args.Epoch, args.LR = 10, 2, 2_000_000, 2, 0.5
	var text bytes.Buffer
	if err := (generator{labels: 14, words: 120000, rows: 20000, least: 20, most: 100, seed: 1}).write(&text); err != nil {
		return err
	}
	m, err := fasttext.Train(ctx, &text, fasttext.TrainOptions{Args: args})
	if err != nil {
		return err
	}
	path := filepath.Join(b.dir, "invoke.bin")
	if err := m.SaveFile(path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	key := credentials.NewStaticCredentialsProvider(benchKeyID, benchSecret, "")
	objects := s3.New(s3.Options{BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", UsePathStyle: true, Credentials: key})
	control := sagemaker.New(sagemaker.Options{BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", Credentials: key})
	name := aws.String("bench")
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name}); err != nil {
		return err
	}
	if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: name, Key: aws.String("model.bin"), Body: file}); err != nil {
		return err
	}
	_, err = control.CreateModel(ctx, &sagemaker.CreateModelInput{ModelName: name,
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String("blazingtext"), ModelDataUrl: aws.String("s3://bench/model.bin")}})
	if err != nil {
		return err
	}
	_, err = control.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{EndpointConfigName: name, ProductionVariants: []types.ProductionVariant{
		{VariantName: aws.String("AllTraffic"), ModelName: name, InitialInstanceCount: aws.Int32(1), InstanceType: "ml.m5.large"}}})
	if err != nil {
		return err
	}
	if _, err := control.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: name, EndpointConfigName: name}); err != nil {
		return err
	}
	return sagemaker.NewEndpointInServiceWaiter(control, func(o *sagemaker.EndpointInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = 10*time.Millisecond, 100*time.Millisecond
	}).Wait(ctx, &sagemaker.DescribeEndpointInput{EndpointName: name}, time.Minute)
}

// signedRequests returns requests for one text each, as they go over the wire. Their
// signatures hold for a quarter of an hour.
func signedRequests(ctx context.Context, host string) ([][]byte, error) {
	texts := generatedTexts(invokeTexts)
	requests := make([][]byte, len(texts))
	for i := range texts {
		var err error
		if requests[i], err = signedRequest(ctx, host, texts[i:i+1]); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// generatedTexts returns n texts, the same in each run.
func generatedTexts(n int) []string {
	r := rand.New(rand.NewPCG(7, 7))
	zipf := rand.NewZipf(r, 1.1, 8, 120000-1)
	texts := make([]string, n)
	for i := range texts {
		words := make([]string, invokeWords)
		for j := range words {
			words[j] = spell(zipf.Uint64())
		}
		texts[i] = strings.Join(words, " ")
	}
	return texts
}

// signedRequest returns a request with the texts in its body.
func signedRequest(ctx context.Context, host string, texts []string) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"instances": texts})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+"/endpoints/bench/invocations", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "*/*")
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: benchKeyID, SecretAccessKey: benchSecret}
	if err := v4.NewSigner().SignHTTP(ctx, key, request, hex.EncodeToString(sum[:]), "sagemaker", "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	err = request.Write(&wire)
	return wire.Bytes(), err
}
