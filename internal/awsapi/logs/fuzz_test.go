package logs

import (
	"strings"
	"testing"
)

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"", "a b", `"a b" -c`, "?a ?b", `"\"`, "-", "??x", "{ $.a = 1 }", "\"a\"b"} {
		f.Add(s, "a b c")
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		if len(p.all)+len(p.any)+len(p.none) == 0 && !p.match(message) {
			t.Errorf("the empty pattern %q does not match %q", text, message)
		}
		if p.match(message) {
			for _, term := range p.all {
				if term == "" || !strings.Contains(message, term) {
					t.Errorf("%q matches %q without %q", text, message, term)
				}
			}
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add("f/1767225600000-3")
	f.Add("b/0-0")
	f.Add("f/-1-1")
	f.Add("eyJuIjoiYSJ9")
	f.Fuzz(func(t *testing.T, text string) {
		if g, forward, err := parseGap(text); err == nil {
			direction := "b"
			if forward {
				direction = "f"
			}
			again, _, err := parseGap(g.token(direction))
			if err != nil || again != g || g.at < 0 || g.seq < 0 {
				t.Errorf("%q: %+v, %+v, %v", text, g, again, err)
			}
		}
		if token, err := parseStreamToken(text); err == nil {
			if again, err := parseStreamToken(token.String()); err != nil || again != token {
				t.Errorf("%q: %+v, %+v, %v", text, token, again, err)
			}
		}
		if e, err := parseEventToken(text); err == nil && e.At.UnixMilli() < 0 {
			t.Errorf("%q: %+v", text, e)
		}
	})
}
