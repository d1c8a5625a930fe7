// Package mongo is an adapter for MongoDB databases. Filters, documents and pipelines are JSON,
// as objects or as texts; {"$oid": ...}, {"$date": ...} and the other forms of extended JSON stand
// for what JSON lacks. Code that the server would run ($where, $function, $accumulator) is refused.
//
//	{"url": "mongodb://db-1.example.com,db-2.example.com/?replicaSet=rs0", "database": "inventory",
//	 "user": "heddle", "password": "$secret.inventory", "allow": ["10.1.0.0/16"]}
package mongo

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

// App is how tasks name the adapter.
const App = "DBMongo"

// Config is the configuration of an instance.
type Config struct {
	URL        string `json:"url" doc:"address of the servers: mongodb://host1,host2/?replicaSet=rs0 or mongodb+srv://name, without user and password"`
	Database   string `json:"database" doc:"name of the database"`
	User       string `json:"user,omitempty" doc:"who logs in; nobody unless given"`
	Password   string `json:"password,omitempty" secret:"true" doc:"of the user"`
	AuthSource string `json:"authSource,omitempty" doc:"database that knows the user; admin unless given"`
	Security   string `json:"security,omitempty" enum:"tls,none" doc:"tls unless given"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"how the servers prove who they are"`
	ReadOnly       bool        `json:"readOnly,omitempty" doc:"take nothing that writes"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"of one call; 30 unless given, 3600 at most"`
	MaxDocuments   int         `json:"maxDocuments,omitempty" doc:"most documents a call gives; 10000 unless given, 100000 at most"`
	MaxBytes       int64       `json:"maxBytes,omitempty" doc:"largest result; 8 MiB unless given, 64 MiB at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Name: "mongo", Version: "1.0.0", Summary: "Asks and changes MongoDB databases.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i) },
		Methods: []adapters.Spec{
			adapters.Method("aggregate", aggregate).Says("Runs an aggregation pipeline.").MayWarn(),
			adapters.Method("count", count).Says("Counts the documents that match a filter.").ReadOnly().MayWarn(),
			adapters.Method("create", create).Says("Adds a document.").MayWarn(),
			adapters.Method("createMany", createMany).Says("Adds documents.").MayWarn(),
			adapters.Method("deleteSearched", deleteSearched).Says("Deletes the documents that match a filter.").MayWarn(),
			adapters.Method("distinct", distinct).Says("Lists the values of a field.").ReadOnly().MayWarn(),
			adapters.Method("dropCollection", dropCollection).Says("Drops a collection.").MayWarn(),
			adapters.Method("query", query).Says("Gets the documents that match a query.").ReadOnly().MayWarn(),
			adapters.Method("updateSearched", updateSearched).Says("Changes the documents that match a filter.").MayWarn(),
		},
	}
}

// client is what the calls of an instance share.
type client struct {
	Config
	db      *driver.Database
	timeout time.Duration
}

// Close lets go of the connections.
func (c *client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.db.Client().Disconnect(ctx)
}

// settable are the parameters an address may have; others read files or carry credentials.
var settable = []string{
	"appName", "compressors", "directConnection", "heartbeatFrequencyMS", "loadBalanced", "maxPoolSize", "readConcernLevel", "readPreference",
	"readPreferenceTags", "replicaSet", "retryReads", "retryWrites", "srvServiceName", "w", "wtimeoutMS",
}

func open(i adapters.Instance) (*client, error) {
	c := &client{}
	err := i.Config.Decode(&c.Config)
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	if c.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", c.TimeoutSeconds, 30, 3600); err != nil {
		return nil, err
	}
	if c.MaxDocuments, err = network.Bounds("/maxDocuments", c.MaxDocuments, 10_000, 100_000); err != nil {
		return nil, err
	}
	if c.MaxBytes, err = network.Bounds("/maxBytes", c.MaxBytes, 8<<20, 64<<20); err != nil {
		return nil, err
	}
	c.timeout = time.Duration(c.TimeoutSeconds) * time.Second
	if c.Database == "" || strings.ContainsAny(c.Database, "/\\. \"$*<>:|?\x00") {
		return nil, network.Wrong("/database must be the name of a database, not %q", c.Database)
	}
	settings, err := c.options()
	if err != nil {
		return nil, err
	}
	connected, err := driver.Connect(settings)
	if err != nil {
		return nil, network.Wrong("/url: %v", err)
	}
	c.db = connected.Database(c.Database)
	return c, nil
}

func (c *client) options() (*options.ClientOptions, error) {
	_, rest, ok := strings.Cut(c.URL, "://")
	if !ok || !strings.HasPrefix(c.URL, "mongodb://") && !strings.HasPrefix(c.URL, "mongodb+srv://") {
		return nil, network.Wrong("/url must be an address such as mongodb://host1,host2/?replicaSet=rs0")
	}
	hosts, query, _ := strings.Cut(rest, "?")
	if strings.Contains(hosts, "@") {
		return nil, network.Wrong("/url must not hold a user; /user and /password do")
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return nil, network.Wrong("/url: its parameters cannot be read: %v", err)
	}
	for name := range parameters {
		if !slices.ContainsFunc(settable, func(s string) bool { return strings.EqualFold(s, name) }) {
			return nil, network.Wrong("/url: the parameter %s cannot be set; these can: %s", name, strings.Join(settable, ", "))
		}
	}
	o := options.Client().ApplyURI(c.URL)
	guard, err := c.Guard()
	if err != nil {
		return nil, err
	}
	o.SetDialer(guard.Dialer()).SetAppName("heddle").SetTimeout(c.timeout).SetConnectTimeout(10 * time.Second)
	o.SetServerSelectionTimeout(min(c.timeout, 10*time.Second)).SetMaxConnIdleTime(time.Minute)
	o.TLSConfig = nil
	if c.Security != "none" {
		settings, err := c.TLS.Config("/tls", "")
		if err != nil {
			return nil, err
		}
		o.SetTLSConfig(settings)
	}
	if c.User != "" {
		source := c.AuthSource
		if source == "" {
			source = "admin"
		}
		o.SetAuth(options.Credential{Username: c.User, Password: c.Password, PasswordSet: true, AuthSource: source})
	}
	if err := o.Validate(); err != nil {
		return nil, network.Wrong("/url: %v", err)
	}
	return o, nil
}
