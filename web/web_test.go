package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/heliograph/heliograph/web"
)

func site(t *testing.T) map[string]web.File {
	t.Helper()
	files, err := web.Site()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]web.File{}
	for _, f := range files {
		byName[f.Name] = f
	}
	return byName
}

func TestSiteIsWhole(t *testing.T) {
	t.Parallel()
	files := site(t)
	for _, name := range []string{web.Index, web.Error, "app.js", "style.css"} {
		if len(files[name].Data) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	for name, f := range files {
		if f.ContentType == "" {
			t.Errorf("%s has no content type", name)
		}
	}
	// What a page or module names is there.
	references := regexp.MustCompile(`(?:src|href)="([^"#/][^"]*)"|from '\./([^']+)'`)
	for name, f := range files {
		for _, m := range references.FindAllSubmatch(f.Data, -1) {
			target := string(slices.Concat(m[1], m[2]))
			if _, ok := files[target]; !ok {
				t.Errorf("%s names %s, which is not in the site", name, target)
			}
		}
	}
}

// The site must work without a network: nothing in it names another host, but
// for the XML namespace and the API beside a site's own host name.
func TestSiteNamesNoOtherHost(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`(?:https?:)?//[a-zA-Z0-9][^\s"'<>)]*`)
	for name, f := range site(t) {
		for _, found := range address.FindAllString(string(f.Data), -1) {
			if !slices.Contains([]string{"http://www.w3.org/2000/svg", "http://localhost:*;"}, found) {
				t.Errorf("%s names %s", name, found)
			}
		}
	}
}

func TestEveryPageHasAStrictPolicy(t *testing.T) {
	t.Parallel()
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
	for name, f := range site(t) {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		m := policy.FindSubmatch(f.Data)
		if m == nil {
			t.Errorf("%s has no content security policy", name)
			continue
		}
		rules := string(m[1])
		if !strings.HasPrefix(rules, "default-src 'none';") || strings.Contains(rules, "unsafe") {
			t.Errorf("%s: the policy %q is not strict", name, rules)
		}
		if bytes.Contains(f.Data, []byte(" style=")) || regexp.MustCompile(` on[a-z]+=`).Match(f.Data) {
			t.Errorf("%s has styles or handlers in attributes, which its policy forbids", name)
		}
		if style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindSubmatch(f.Data); style != nil {
			sum := sha256.Sum256(style[1])
			if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(rules, want) {
				t.Errorf("%s: the policy must name its style as %s", name, want)
			}
		}
	}
}
