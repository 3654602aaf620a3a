//go:build e2e

package test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDemo does what the README says: start the demo, paste the lines it
// prints, use the page in a browser, stop and start again.
func TestDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data") // does not exist yet
	s := start(t, data, "demo")
	s.waitFor(`Ready after`)
	if info, err := os.Stat(filepath.Join(data, "root.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("root key: %v, %v", info, err)
	}
	pasteLines(t, s)
	originalAnswer(t, s)
	triage(t, s)
	browser(t, s)

	jobs := strings.Count(s.out.String(), "training ")
	if jobs != 3 {
		t.Errorf("the first start trained %d models, want 3", jobs)
	}
	s.stop()
	s = start(t, data, "demo")
	s.waitFor(`Ready after`)
	if strings.Contains(s.out.String(), "training ") || strings.Contains(s.out.String(), "SECRET") {
		t.Errorf("the second start trained again or showed the key again:\n%s", s.out)
	}
	pasteLines(t, s)
}

// pasteLines runs the commands that the demo prints, in a shell that has no
// credentials, and checks what comes back.
func pasteLines(t *testing.T, s *server) {
	t.Helper()
	answers := map[string]*regexp.Regexp{
		"/blazingtext":    regexp.MustCompile(`"body": "The predicted label is billing with a probability of \d+\.\d%"`),
		"/triage":         regexp.MustCompile(`"priority":\s*\d+`),
		"invoke-endpoint": regexp.MustCompile(`\[\{"label": \["__label__billing", "__label__\w+", "__label__\w+"\], "prob": \[`),
	}
	pasted := 0
	for _, line := range lines(s.out.String()) {
		for mark, want := range answers {
			if !strings.Contains(line, mark) || !strings.HasPrefix(line, "curl ") && !strings.HasPrefix(line, "echo ") {
				continue
			}
			pasted++
			env := append(cleanEnv(), "PATH=/usr/bin:/bin") // Debian's aws
			if out := command(t, env, "/bin/bash", "-c", line); !want.MatchString(out) {
				t.Errorf("%s\nanswered %s\nwant %s", line, out, want)
			}
		}
	}
	if pasted != len(answers) {
		t.Errorf("%d lines to paste were printed, want %d", pasted, len(answers))
	}
}

// originalAnswer holds the route against what the AWS architecture answered.
func originalAnswer(t *testing.T, s *server) {
	t.Helper()
	for _, method := range []string{"PUT", "POST"} {
		r := must(http.NewRequest(method, s.public+"/blazingtext", strings.NewReader(`{"body": "How do I change the card that you charge every month?"}`)))
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer struct {
			StatusCode int
			Headers    map[string]string
			Body       string
		}
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 || answer.StatusCode != 200 || answer.Headers["Access-Control-Allow-Origin"] != "*" ||
			!regexp.MustCompile(`^The predicted label is \w+ with a probability of \d+\.\d%$`).MatchString(answer.Body) {
			t.Errorf("%s answered %d %+v", method, res.StatusCode, answer)
		}
		if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}`).MatchString(res.Header.Get("X-Amzn-Trace-Id")) || res.Header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("headers = %v", res.Header)
		}
	}
	preflight := must(http.NewRequest("OPTIONS", s.public+"/blazingtext", nil))
	preflight.Header.Set("Origin", "https://example.com")
	preflight.Header.Set("Access-Control-Request-Method", "PUT")
	res, err := http.DefaultClient.Do(preflight)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode >= 300 || !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "PUT") {
		t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
	}
	if status, body := get(t, s.public+"/_site/heliograph-site/no-such-page"); status != 404 || !strings.Contains(body, "<html") {
		t.Errorf("error document: %d %.200s", status, body)
	}
}

func triage(t *testing.T, s *server) {
	t.Helper()
	ask := func(text string) (result struct {
		Category, Urgency, Tone struct {
			Label         string
			Probabilities []struct {
				Label       string
				Probability float64
			}
		}
		Priority int
		Reason   string
	}) {
		t.Helper()
		r := must(http.NewRequest("POST", s.public+"/triage", strings.NewReader(string(must(json.Marshal(map[string]string{"text": text}))))))
		r.Header.Set("Content-Type", "application/json")
		status, body := do(t, r)
		if err := json.Unmarshal([]byte(body), &result); status != 200 || err != nil {
			t.Fatalf("triage: %d %s (%v)", status, body, err)
		}
		return result
	}
	urgent := ask("The whole site is down right now, nobody can pay and we are losing money every minute!!! Fix this immediately, this is unacceptable.")
	calm := ask("No rush at all, just curious: do you have a newsletter? Thanks so much, lovely product.")
	if urgent.Priority <= calm.Priority || urgent.Priority < 60 || calm.Priority > 40 {
		t.Errorf("priorities: %d for an outage, %d for curiosity", urgent.Priority, calm.Priority)
	}
	if len(urgent.Category.Probabilities) != 3 || len(urgent.Urgency.Probabilities) != 4 || len(urgent.Tone.Probabilities) != 5 || urgent.Reason == "" {
		t.Errorf("triage = %+v", urgent)
	}
}

// browser drives the page in Debian's Chromium. With SCREENSHOTS set, the
// pictures are kept there.
func browser(t *testing.T, s *server) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	command(t, append(cleanEnv(), "HELIOGRAPH_URL="+s.public, "HELIOGRAPH_SHOTS="+dir), "node", "../web/e2e/page.mjs")
	for _, name := range []string{"desktop.png", "phone.png"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 10_000 {
			t.Errorf("screenshot %s: %v, %v", name, info, err)
		}
	}
}
