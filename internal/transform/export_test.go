package transform

// For tests of what jobs are made of.
var (
	ParseManifest = parseManifest
	Joined        = joined
)

// Select applies a path to valid JSON.
func Select(path string, text []byte) ([]byte, error) {
	p, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	return p.apply(text)
}
