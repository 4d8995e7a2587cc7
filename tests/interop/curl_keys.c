/*
 * curl_keys - libcurl with a token key: by a file, or by blobs in memory; connections used again;
 * threads.
 *
 *   curl_keys URL CA CERTIFICATE KEY file|blob THREADS
 *
 * Each thread has a handle of its own: two requests over one connection, two over new ones.  Prints
 * how many requests went well; ends with 1 when one did not.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define MAX_THREADS 16
#define REQUESTS    4

static struct {
	const char *url, *ca, *cert, *key;
	bool blob;
	struct curl_blob cert_blob, key_blob;
	atomic_int good, connects;
} job;

static bool read_blob(const char *path, struct curl_blob *ret)
{
	static const size_t max = 16384;
	FILE *f = fopen(path, "re");

	ret->data = malloc(max);
	ret->len = f && ret->data ? fread(ret->data, 1, max, f) : 0;
	ret->flags = CURL_BLOB_COPY;
	if (f)
		fclose(f);
	return ret->len > 0;
}

static size_t drop(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static void set_identity(CURL *c)
{
	if (job.blob) {
		curl_easy_setopt(c, CURLOPT_SSLCERT_BLOB, &job.cert_blob);
		curl_easy_setopt(c, CURLOPT_SSLKEY_BLOB, &job.key_blob);
	} else {
		curl_easy_setopt(c, CURLOPT_SSLCERT, job.cert);
		curl_easy_setopt(c, CURLOPT_SSLKEY, job.key);
	}
}

static void request(CURL *c, bool fresh)
{
	char why[CURL_ERROR_SIZE] = "";
	long status = 0, connects = 0;

	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	if (curl_easy_perform(c) != CURLE_OK) {
		fprintf(stderr, "curl_keys: %s\n", why);
		return;
	}
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_NUM_CONNECTS, &connects);
	if (status == 200)
		job.good++;
	job.connects += (int)connects;
}

static void *work(void *arg)
{
	CURL *c = curl_easy_init();

	curl_easy_setopt(c, CURLOPT_URL, job.url);
	curl_easy_setopt(c, CURLOPT_CAINFO, job.ca);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	set_identity(c);
	for (int i = 0; i < REQUESTS; i++)
		request(c, i >= REQUESTS / 2);
	curl_easy_cleanup(c);
	return arg;
}

static int run(int threads)
{
	pthread_t t[MAX_THREADS];

	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, NULL) != 0)
			abort();
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	printf("%d requests, %d connections\n", job.good, job.connects);
	return job.good == threads * REQUESTS ? 0 : 1;
}

int main(int argc, char **argv)
{
	int threads = argc == 7 ? atoi(argv[6]) : 0, status;

	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	job.url = argv[1];
	job.ca = argv[2];
	job.cert = argv[3];
	job.key = argv[4];
	job.blob = strcmp(argv[5], "blob") == 0;
	if (!read_blob(job.cert, &job.cert_blob) || !read_blob(job.key, &job.key_blob))
		return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = run(threads);
	curl_global_cleanup();
	free(job.cert_blob.data);
	free(job.key_blob.data);
	return status;
}
