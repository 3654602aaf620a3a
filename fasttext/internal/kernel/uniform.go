package kernel

// SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators", 2014).
const (
	// Gamma is what its state grows by from one random number to the next.
	Gamma = 0x9E3779B97F4A7C15

	mix1 = 0xBF58476D1CE4E5B9
	mix2 = 0x94D049BB133111EB
)

// Mix returns the random number of a state of SplitMix64 that Gamma was added to.
func Mix(z uint64) uint64 {
	z = (z ^ z>>30) * mix1
	z = (z ^ z>>27) * mix2
	return z ^ z>>31
}

// Uniform sets row to random numbers from -limit on and below limit, each a multiple of limit/(1<<23): those that follow on a state of
// SplitMix64, two values of each, the lower half first.
func Uniform(row []float32, state uint64, limit float32) {
	if len(row) > 0 {
		best.uniform(row, state, limit)
	}
}

func plainUniform(row []float32, state uint64, limit float32) {
	scale := limit / (1 << 23)
	for j := 0; j < len(row); j += 2 {
		state += Gamma
		z := Mix(state)
		row[j] = float32(int32(uint32(z)>>8)-1<<23) * scale
		if j+1 < len(row) {
			row[j+1] = float32(int32(z>>40)-1<<23) * scale
		}
	}
}
