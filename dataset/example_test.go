package dataset_test

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/heliograph/heliograph/dataset"
)

const requests = `label,text
billing,"Hi! I was charged twice,<br>why?"
technical,The app crashes.
billing,Where is my invoice?
technical,I can't log in
`

func ExampleReader_Rows() {
	r, err := dataset.NewReader(strings.NewReader(requests), "requests.csv", dataset.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range r.Rows() {
		if err != nil {
			fmt.Println(err) // and go on with the next row
			continue
		}
		fmt.Println(row.Line, row.Labels, dataset.Normalize(row.Text))
	}
	// Output:
	// 2 [billing] hi ! i was charged twice , why ?
	// 3 [technical] the app crashes .
	// 4 [billing] where is my invoice ?
	// 5 [technical] i can ' t log in
}

func ExampleLines() {
	r, err := dataset.NewReader(strings.NewReader(requests), "requests.csv", dataset.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := dataset.Lines(r, dataset.LineOptions{Normalize: true})
	defer lines.Close()
	if _, err := io.Copy(os.Stdout, lines); err != nil { // or train on them
		fmt.Println(err)
	}
	// Output:
	// __label__billing hi ! i was charged twice , why ?
	// __label__technical the app crashes .
	// __label__billing where is my invoice ?
	// __label__technical i can ' t log in
}

func ExampleSplit() {
	r, err := dataset.NewReader(strings.NewReader(requests), "requests.csv", dataset.ReadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err := dataset.ReadAll(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	train, validation, err := dataset.Split(rows, 0.5, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range train {
		fmt.Println("train", row.Labels)
	}
	for _, row := range validation {
		fmt.Println("validation", row.Labels)
	}
	// Output:
	// train [billing]
	// train [technical]
	// validation [billing]
	// validation [technical]
}

func ExampleCheck() {
	rows := dataset.Slice{
		{Labels: []string{"billing"}, Text: "Where is my money?", Line: 1},
		{Labels: []string{"general"}, Text: "where is MY money ?", Line: 2},
	}
	report, err := dataset.Check(rows, nil, dataset.CheckOptions{MinPerLabel: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range report.Findings {
		fmt.Println(finding.Severity, finding.Code, finding.Lines)
	}
	// Output: warning conflict [2]
}
