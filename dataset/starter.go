package dataset

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed starter/*.jsonl
var starterFiles embed.FS

// Request is one customer request of the starter set.
type Request struct {
	Text     string `json:"text"`
	Category string `json:"category"` // billing, technical, general
	Urgency  string `json:"urgency"`  // low, normal, high, critical
	Tone     string `json:"tone"`     // angry, frustrated, worried, neutral, happy
}

// Starter returns the customer requests that come with the project, always in
// the same order. dataset/starter/README.md describes them.
func Starter() ([]Request, error) {
	var requests []Request
	err := eachStarterLine(func(line string) error {
		var request Request
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			return err
		}
		requests = append(requests, request)
		return nil
	})
	return requests, err
}

// StarterTasks names what the starter set's requests are labelled with, each a
// classifier's task: category, urgency and tone.
func StarterTasks() []string { return []string{"category", "urgency", "tone"} }

// StarterRows returns the starter set as rows labelled for one of the StarterTasks.
func StarterRows(task string) ([]Row, error) {
	var label func(Request) string
	switch task {
	case "category":
		label = func(r Request) string { return r.Category }
	case "urgency":
		label = func(r Request) string { return r.Urgency }
	case "tone":
		label = func(r Request) string { return r.Tone }
	default:
		return nil, fmt.Errorf("the starter set has no labels for %q: choose one of %s", task, strings.Join(StarterTasks(), ", "))
	}
	requests, err := Starter()
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(requests))
	for i, request := range requests {
		rows[i] = Row{Labels: []string{label(request)}, Text: request.Text}
	}
	return rows, nil
}

func eachStarterLine(do func(line string) error) error {
	names, err := fs.Glob(starterFiles, "starter/*.jsonl")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := starterFiles.ReadFile(name)
		if err != nil {
			return err
		}
		number := 0
		for line := range strings.Lines(string(data)) {
			number++
			if err := do(line); err != nil {
				return fmt.Errorf("%s:%d: %w", name, number, err)
			}
		}
	}
	return nil
}
