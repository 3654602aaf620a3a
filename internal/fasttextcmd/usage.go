package fasttextcmd

import (
	"fmt"
	"io"

	"github.com/heliograph/heliograph/fasttext"
)

const usage = `usage: fasttext <command> <args>

Commands:

  supervised              train a classifier from labelled text
  skipgram                train word vectors: the context from a word
  cbow                    train word vectors: a word from its context
  batch_skipgram          train skipgram vectors much faster, with shared negatives
  quantize                compress a classifier
  test                    evaluate a classifier: precision and recall
  test-label              evaluate a classifier, label by label
  predict                 print the most likely labels of each line
  predict-prob            the same, with probabilities
  print-word-vectors      print the vector of each word read
  print-sentence-vectors  print the vector of each line read
  print-ngrams            print the vector of each character n-gram of a word
  nn                      print the words nearest to each word read
  analogies               print the words nearest to A - B + C of each three words read
  dump                    print a model's options, dictionary or matrices

`

const testUsage = `usage: fasttext %s <model> <test-data> [<k>] [<th>]

  <model>      model file
  <test-data>  labelled text (- is standard input)
  <k>          how many labels to predict for each line (1 if not given)
  <th>         least probability of a predicted label (0 if not given)

`

const predictUsage = `usage: fasttext predict[-prob] <model> <test-data> [<k>] [<th>]

  <model>      model file
  <test-data>  text (- is standard input)
  <k>          how many labels to predict for each line (1 if not given; -1 is all)
  <th>         least probability of a predicted label (0 if not given)

`

const vectorsUsage = `usage: fasttext %s <model>

  <model>      model file

`

const ngramsUsage = `usage: fasttext print-ngrams <model> <word>

  <model>      model file
  <word>       word to take apart

`

const neighboursUsage = `usage: fasttext %s <model> [<k>]

  <model>      model file
  <k>          how many words to print (10 if not given)

`

const dumpUsage = `usage: fasttext dump <model> <option>

  <model>      model file
  <option>     args, dict, input or output
`

// printTrainUsage prints the flags with the values that hold without them.
func printTrainUsage(w io.Writer, a fasttext.Args) {
	tune := autotuneDefaults()
	fmt.Fprintf(w, `
Mandatory:
  -input              file to learn from
  -output             path of the files to write, without .bin and .vec

Optional:
  -verbose            how much to print: 0 nothing, 1 results, 2 progress [%d]

Optional, for the dictionary:
  -minCount           least number of times a word occurs [%d]
  -minCountLabel      least number of times a label occurs [%d]
  -wordNgrams         longest word n-gram [%d]
  -bucket             number of rows that n-grams share, or auto for what the text needs [%d]
  -minn               shortest character n-gram [%d]
  -maxn               longest character n-gram, 0 for none [%d]
  -t                  sampling threshold [%g]
  -label              prefix of labels [%s]

Optional, for training:
  -lr                 learning rate [%g]
  -lrUpdateRate       tokens between changes of the learning rate [%d]
  -dim                length of vectors [%d]
  -ws                 size of the context window [%d]
  -epoch              number of passes over the text [%d]
  -neg                number of negatives to sample [%d]
  -loss               ns, hs, softmax or one-vs-all [%v]
  -thread             number of threads; with 1, results are reproducible [%d]
  -pretrainedVectors  .vec file to start from [%s]
  -saveOutput         also write the output vectors, to .output [%t]
  -seed               seed of the random numbers [%d]

Optional, for choosing options by a validation file (those given here stay as they are):
  -autotune-validation   labelled text to measure on; nothing is chosen without it
  -autotune-metric       f1, f1:LABEL, precisionAtRecall:PERCENT[:LABEL] or recallAtPrecision:PERCENT[:LABEL] [%s]
  -autotune-predictions  labels predicted for each example [%d]
  -autotune-duration     seconds that the search takes [%d]
  -autotune-modelsize    size of the model's file, such as 2M: writes .ftz instead of .bin, compressed to it
`, a.Verbose, a.MinCount, a.MinCountLabel, a.WordNgrams, a.Bucket, a.Minn, a.Maxn, a.T, a.Label,
		a.LR, a.LRUpdateRate, a.Dim, a.WS, a.Epoch, a.Neg, a.Loss, a.Thread, a.PretrainedVectors, a.SaveOutput, a.Seed,
		tune.metric, tune.predictions, tune.duration)
}

// printQuantizeUsage prints the flags that quantize adds.
func printQuantizeUsage(w io.Writer, q quantizeFlags) {
	fmt.Fprintf(w, `
Optional, for quantization:
  -cutoff             words and n-grams to keep, 0 for all [%d]
  -retrain            learn from -input again with those that a cutoff keeps [%t]
  -qnorm              code the norm of each row apart [%t]
  -qout               compress the output matrix too [%t]
  -dsub               values that share a code [%d]
`, q.cutoff, q.retrain, q.qnorm, q.qout, q.dsub)
}
