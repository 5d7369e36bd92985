// Puts a file into an S3 server and reads it back, for a bench: prints one JSON object of seconds for each.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	endpoint, path, reads := os.Args[1], os.Args[2], 2
	ctx := context.Background()
	client, err := minio.New(endpoint, &minio.Options{Creds: credentials.NewStaticV4("minioadmin", "minioadmin", "")})
	check(err)
	check(client.MakeBucket(ctx, "bench", minio.MakeBucketOptions{}))
	start := time.Now()
	_, err = client.FPutObject(ctx, "bench", "file", path, minio.PutObjectOptions{NumThreads: 4, PartSize: 64 << 20})
	check(err)
	result := map[string]float64{"write": time.Since(start).Seconds(), "read": 0}
	for i := 0; i < reads; i++ {
		start = time.Now()
		object, err := client.GetObject(ctx, "bench", "file", minio.GetObjectOptions{})
		check(err)
		buffer := make([]byte, 1<<20)
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, object, buffer)
		check(err)
		took := time.Since(start).Seconds()
		if result["read"] == 0 || took < result["read"] {
			result["read"] = took
		}
	}
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	result["cpu"] = seconds(usage.Utime) + seconds(usage.Stime)
	check(json.NewEncoder(os.Stdout).Encode(result))
}

func seconds(value syscall.Timeval) float64 {
	return float64(value.Sec) + float64(value.Usec)/1e6
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
