package trainer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path"

	"github.com/heliograph/heliograph/fasttext"
)

// vectors trains word vectors, and evaluates them if there is something to
// evaluate them with.
func (r *runner) vectors() error {
	model, err := r.learn(fasttext.TrainOptions{Args: r.task.Args}, "Training finished!")
	if err != nil {
		return err
	}
	files := []file{{"vectors.bin", model.Save}}
	var metrics []Metric
	if r.task.Evaluation && r.channel(Evaluation) == nil {
		r.warn("The vectors are not evaluated, as there is no channel evaluation. Give one with files of word pairs and people's scores, such as WordSim-353.")
	} else if r.task.Evaluation {
		report, mean, err := r.evaluate(model)
		if err != nil {
			return err
		}
		files = append(files, file{"eval.json", func(w io.Writer) error { _, err := w.Write(report); return err }})
		metrics = append(metrics, Metric{"train:mean_rho", mean})
	}
	files = append(files, file{"vectors.txt", model.WriteVectors})
	return r.deliver(metrics, files...)
}

// similarity is an entry of eval.json.
type similarity struct {
	NotFound     int     `json:"not_found"`
	SpearmansRho float64 `json:"spearmans_rho"`
	TotalPairs   int     `json:"total_pairs"`
}

// evaluate compares the vectors with people's scores of word pairs, a file
// each, and returns eval.json and the mean of the rank correlations.
func (r *runner) evaluate(m *fasttext.Model) (report []byte, mean float64, err error) {
	r.printf("Evaluating word embeddings....")
	r.printf("Vectors read from: /opt/ml/model/vectors.txt ")
	files := r.channel(Evaluation).Files
	entries := map[string]any{}
	for i, name := range files {
		t, err := r.open(Evaluation, i)
		if err != nil {
			return nil, 0, err
		}
		score, err := m.EvaluateSimilarity(t)
		if err != nil {
			return nil, 0, clientFailure(err, "The file %s of the channel evaluation can't be read: %v. Give lines of two words and a number.", path.Base(name), err)
		}
		if _, err := io.Copy(io.Discard, t); err != nil {
			return nil, 0, err
		}
		rho := score.Spearman
		if math.IsNaN(rho) { // too few pairs were found
			rho = 0
		}
		key := path.Base(name)
		for n := 2; entries[key] != nil; n++ {
			key = fmt.Sprintf("%s (%d)", path.Base(name), n)
		}
		entries[key] = similarity{NotFound: score.Skipped, SpearmansRho: rho, TotalPairs: score.Pairs + score.Skipped}
		mean += rho / float64(len(files))
	}
	entries["mean_rho"] = mean
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(entries); err != nil {
		return nil, 0, err
	}
	report = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	r.printf("%s", report)
	r.info("#mean_rho: %v", mean)
	return report, mean, nil
}
