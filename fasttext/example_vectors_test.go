package fasttext_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/heliograph/heliograph/fasttext"
)

// Word vectors come from text without labels; words that keep the same company come out near each other.
func ExampleTrain_wordVectors() {
	text := strings.Repeat("rain wind cloud storm rain wind storm cloud\nbread salt butter milk bread milk salt butter\n", 200)
	args := fasttext.UnsupervisedDefaults(fasttext.Skipgram)
	args.Dim, args.Maxn = 8, 0 // small vectors, no character n-grams
	args.T = 1                 // so little text can't spare its frequent words
	args.Thread, args.Epoch = 1, 20
	m, err := fasttext.Train(context.Background(), strings.NewReader(text), fasttext.TrainOptions{Args: args})
	if err != nil {
		log.Fatal(err)
	}
	found, err := m.NearestNeighbours(nil, "rain", 3)
	if err != nil {
		log.Fatal(err)
	}
	near := map[string]bool{}
	for _, n := range found {
		near[n.Word] = true
	}
	fmt.Println(near)
	// Output: map[cloud:true storm:true wind:true]
}
