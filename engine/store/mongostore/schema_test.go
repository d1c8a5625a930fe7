package mongostore_test

import (
	"context"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/mongostore"
)

// TestOpen_indexes opens a database again with other indexes, beside one that
// is not ours.
func TestOpen_indexes(t *testing.T) {
	address := database(t, t.TempDir())
	declare := func(unique bool, indexes ...store.Index) []store.Collection {
		return []store.Collection{{Name: "notes", Indexes: indexes, Fields: []store.Field{
			{Name: "topic", Type: store.Text, Unique: unique}, {Name: "meta.at", Type: store.Time}, {Name: "tags", Type: store.Texts},
		}}}
	}
	notes := direct(t, address).Collection("notes")
	if _, err := notes.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "x", Value: 1}}, Options: options.Index().SetName("theirs")}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		collections []store.Collection
		want        []string
	}{
		{declare(true, store.By("topic", "meta.at"), store.By("tags")),
			[]string{"_id_", "heddle:by:tags", "heddle:by:topic,meta:at", "heddle:unique:topic text", "theirs"}},
		{declare(true, store.By("topic", "meta.at"), store.By("tags")),
			[]string{"_id_", "heddle:by:tags", "heddle:by:topic,meta:at", "heddle:unique:topic text", "theirs"}},
		{declare(false, store.Sparsely("meta.at"), store.By("tags")),
			[]string{"_id_", "heddle:by:meta:at sparse", "heddle:by:tags", "theirs"}},
	} {
		s, err := mongostore.Open(t.Context(), address, mongostore.Options{Collections: tc.collections})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		c, err := notes.Indexes().List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var found []struct{ Name string }
		if err := c.All(t.Context(), &found); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range found {
			got = append(got, x.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("indexes (-want +got)\n%s", diff)
		}
	}
}

func TestOpen_newerFormat(t *testing.T) {
	address := database(t, t.TempDir())
	if _, err := direct(t, address).Collection("heddle_schema").InsertOne(t.Context(), bson.D{{Key: "_id", Value: "notes"}, {Key: "format", Value: 2}}); err != nil {
		t.Fatal(err)
	}
	s, err := mongostore.Open(t.Context(), address, mongostore.Options{Collections: []store.Collection{{Name: "notes"}}})
	if s != nil || err == nil {
		t.Fatalf("opened a database of a newer format: %v", s)
	}
	if want := `open store ` + databaseOf(t, address) + `: collection "notes": written by a newer version: format 2, this one knows 1`; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func databaseOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path[1:]
}

// direct returns the database without the store.
func direct(t testing.TB, address string) *mongo.Database {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("heddleUnsafe")
	u.RawQuery = q.Encode()
	c, err := mongo.Connect(options.Client().ApplyURI(u.String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c.Database(u.Path[1:])
}
