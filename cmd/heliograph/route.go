package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/rest"
	"github.com/heliograph/heliograph/internal/rest/client"
)

// newRouteCommand is the verb that says what paths the public listener answers.
func newRouteCommand() *cobra.Command {
	var at controlFlags
	c := &cobra.Command{
		Use:   "route",
		Short: "Say which path of the public listener runs which function",
		Long: `Routes are the paths of the public listener, each with the function that answers
it. They are kept by the server and changed while it runs.

The server is found through --control or HELIOGRAPH_CONTROL. Requests are signed
with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or, without these, with the root
key in the server's data directory (--data or HELIOGRAPH_DATA).`,
		Args: cobra.NoArgs,
	}
	at.add(c)
	c.AddCommand(newRoutePutCommand(&at), newRouteListCommand(&at), newRouteDeleteCommand(&at))
	return c
}

func newRoutePutCommand(at *controlFlags) *cobra.Command {
	var spec rest.RouteSpec
	c := &cobra.Command{
		Use:   "put PATH",
		Short: "Create or replace a route",
		Example: `  heliograph route put /blazingtext --function classify --endpoint dbpedia --method PUT
  heliograph route put /labels --function classify-json --endpoint dbpedia --method POST
  heliograph route put /triage --function triage`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := at.client()
			if err != nil {
				return err
			}
			r, err := server.PutRoute(c.Context(), args[0], spec)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s %s runs %s.\n", strings.Join(r.Methods, "|"), r.Path, runs(r))
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&spec.Function, "function", "", "function to run: classify, classify-json or triage")
	f.StringVar(&spec.Config.Endpoint, "endpoint", "", "endpoint that classify and classify-json ask")
	f.StringArrayVar(&spec.Methods, "method", nil, "method to answer, or ANY; may be repeated (default POST and PUT)")
	f.IntVar(&spec.Config.K, "k", 0, "how many labels to answer (default 1 for classify, all for classify-json)")
	f.StringVar(&spec.Config.Answer, "answer", "", "wording of classify, with {label} and {probability}")
	f.StringVar(&spec.Integration, "integration", "", "passthrough or proxy (default: as the function expects)")
	_ = c.MarkFlagRequired("function") // it exists
	return c
}

func newRouteListCommand(at *controlFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the routes",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			server, err := at.client()
			if err != nil {
				return err
			}
			routes, err := server.ListRoutes(c.Context())
			if err != nil {
				return err
			}
			return writeRoutes(c.OutOrStdout(), routes)
		},
	}
}

func newRouteDeleteCommand(at *controlFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "delete PATH",
		Short: "Remove a route",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := at.client()
			if err != nil {
				return err
			}
			if err := server.DeleteRoute(c.Context(), args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is removed.\n", args[0])
			return err
		},
	}
}

func writeRoutes(w io.Writer, routes []rest.Route) error {
	if len(routes) == 0 {
		_, err := fmt.Fprintln(w, "There are no routes. Make one with: heliograph route put /PATH --function classify --endpoint NAME")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "PATH\tMETHODS\tRUNS\tINTEGRATION")
	for _, r := range routes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Path, strings.Join(r.Methods, "|"), runs(r), r.Integration)
	}
	return table.Flush()
}

// runs is a route's function with its configuration, as in "classify(dbpedia, k=2)".
func runs(r rest.Route) string {
	var config []string
	if r.Config.Endpoint != "" {
		config = append(config, r.Config.Endpoint)
	}
	if r.Config.K != 0 {
		config = append(config, "k="+strconv.Itoa(r.Config.K))
	}
	if len(config) == 0 {
		return r.Function
	}
	return r.Function + "(" + strings.Join(config, ", ") + ")"
}

// controlFlags are how a verb finds a running server and signs its requests.
type controlFlags struct {
	url, data, region string
}

func (f *controlFlags) add(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringVar(&f.url, "control", cmp.Or(os.Getenv("HELIOGRAPH_CONTROL"), "http://127.0.0.1:9000"), "URL of the server's control listener")
	flags.StringVar(&f.data, "data", cmp.Or(os.Getenv("HELIOGRAPH_DATA"), "data"), "data directory of the server, for its root key")
	flags.StringVar(&f.region, "region", cmp.Or(os.Getenv("HELIOGRAPH_REGION"), "us-east-1"), "region that the server answers as")
}

// client returns a client of the server's REST API.
func (f *controlFlags) client() (*client.Client, error) {
	key, token, err := f.key()
	if err != nil {
		return nil, err
	}
	web, err := f.http()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: f.url, Region: f.region, AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: token, HTTP: web})
}

// http is a client that trusts the certificates in AWS_CA_BUNDLE, besides the
// system's, and shows the one in HELIOGRAPH_CLIENT_CERT and
// HELIOGRAPH_CLIENT_KEY to servers that ask.
func (f *controlFlags) http() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if bundle := os.Getenv("AWS_CA_BUNDLE"); bundle != "" {
		text, err := os.ReadFile(bundle)
		if err != nil {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: %s has no certificate", bundle)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	if cert := os.Getenv("HELIOGRAPH_CLIENT_CERT"); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, os.Getenv("HELIOGRAPH_CLIENT_KEY"))
		if err != nil {
			return nil, fmt.Errorf("HELIOGRAPH_CLIENT_CERT and HELIOGRAPH_CLIENT_KEY: %w", err)
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}

// key is what to sign with: the environment's key, or else the root key.
func (f *controlFlags) key() (key iam.Key, token string, err error) {
	key = iam.Key{ID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	if key.ID != "" && key.Secret != "" {
		return key, os.Getenv("AWS_SESSION_TOKEN"), nil
	}
	key, err = iam.ReadRootKey(f.data)
	if errors.Is(err, fs.ErrNotExist) {
		return key, "", errs.Invalidf("there is no key to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name the server's data directory with --data (%s has no %s)", f.data, iam.RootKeyFile)
	}
	return key, "", err
}
