// Package fasttext trains, reads, writes and runs fastText text classifiers.
//
// It follows the models of Joulin et al., "Bag of Tricks for Efficient Text
// Classification" (2016), and of Bojanowski et al., "Enriching Word Vectors with
// Subword Information" (2017), as the original command implements them: the same
// dictionary, hashing, losses and file format, so that a model written by either
// program gives the same labels and probabilities in the other.
//
// # Use
//
// Train reads text whose labels carry a prefix and returns a Model:
//
//	args := fasttext.SupervisedDefaults()
//	args.WordNgrams = 2
//	m, err := fasttext.Train(ctx, file, fasttext.TrainOptions{Args: args})
//	...
//	for _, p := range m.Predict(nil, "where is my card", 3, 0) {
//		fmt.Println(p.Label, p.Prob)
//	}
//
// TrainRows learns from examples that the program has instead of a text. TrainOptions can go
// on from a model (Continue), weigh labels (LabelWeights, BalanceLabels) and watch, stop and
// choose epochs (OnEpoch), and go on where they were killed (Checkpoint). Autotune looks for the options itself, by what they do on
// a held-out text; docs/autotune.md says how.
//
// # Guarantees
//
// A Model is read-only once training has ended: every method may be called from
// many goroutines at once. Predict does not allocate beyond the slice it returns.
//
// Load reads .bin files of format versions 11 and 12 and quantised .ftz files,
// supervised ones and word vectors alike. It checks each length against the bytes
// that are left before it allocates, and never panics on a damaged or crafted
// file; LoadBytes and LoadReaderAt do the same for a file in memory or elsewhere. Open maps a file
// into memory instead of reading it: a model of any size is ready in milliseconds, and takes the
// memory of the rows that predictions touch. What the original wrote in version 12 is saved again byte for byte.
//
// Training with one thread and one seed gives the same file each time. With more
// threads, workers update the shared matrices without locks (Recht et al.,
// "Hogwild!", 2011), and results differ in the last digits from run to run, unless
// TrainOptions.Deterministic is set. No training makes a weight that is not a number: steps that
// are too long are clipped, and training that diverges all the same ends with ErrDiverged.
//
// # Word vectors
//
// With Args.Model CBOW, Skipgram or BatchSkipgram, Train learns vectors of words, and of their
// character n-grams with Args.Maxn, from text without labels. NearestNeighbours and Analogies ask
// them; EvaluateAnalogies and EvaluateSimilarity measure them.
//
// # Why, and how sure
//
// Explain tells exactly what each word and n-gram added to a label's score. Calibrate fits, on text
// that was held out, a temperature, a curve if that is better, and thresholds that make probabilities say how often the
// model is right; WithCalibration applies them.
//
// # Small models
//
// Quantize compresses a classifier.
package fasttext
