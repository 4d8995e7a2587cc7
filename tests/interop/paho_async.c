/*
 * paho_async - paho's MQTTAsync with a client key in a token, for the test: connects, and again
 * whenever the broker was away, and publishes what comes on standard input, a message a line.
 *
 * Arguments: URI, CA's file, certificate's file, key's file, topic.  1 when the first connection
 * can't be made.
 */
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include <MQTTAsync.h>

static sem_t answered;
static int answer;

static int tell(const char *line, size_t n, void *to)
{
	fwrite(line, 1, n, to);
	return 1;
}

static void connected(void *context, MQTTAsync_successData *data)
{
	(void)context;
	(void)data;
	sem_post(&answered);
}

static void refused(void *context, MQTTAsync_failureData *data)
{
	(void)context;
	answer = data && data->code ? data->code : -1;
	sem_post(&answered);
}

static void sent(void *context, MQTTAsync_successData *data)
{
	(void)context;
	(void)data;
	sem_post(&answered);
}

static int connect_to(MQTTAsync client, char **argv)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
	int rc;

	ssl.trustStore = argv[2];
	ssl.keyStore = argv[3];
	ssl.privateKey = argv[4];
	ssl.ssl_error_cb = tell;
	ssl.ssl_error_context = stderr;
	options.ssl = &ssl;
	options.automaticReconnect = 1;
	options.minRetryInterval = options.maxRetryInterval = 1;
	options.onSuccess = connected;
	options.onFailure = refused;
	rc = MQTTAsync_connect(client, &options);
	if (rc)
		return rc;
	sem_wait(&answered);
	return answer;
}

static int send_lines(MQTTAsync client, const char *topic)
{
	MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
	char line[256];
	int rc = 0;

	response.onSuccess = sent;
	while (!rc && fgets(line, sizeof line, stdin)) {
		rc = MQTTAsync_send(client, topic, (int)strcspn(line, "\n"), line, 1, 0, &response);
		if (!rc)
			sem_wait(&answered);
	}
	return rc;
}

int main(int argc, char **argv)
{
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
	MQTTAsync client;
	int rc;

	options.sendWhileDisconnected = 1;
	if (argc != 6 || sem_init(&answered, 0, 0) ||
	    MQTTAsync_createWithOptions(&client, argv[1], "paho", MQTTCLIENT_PERSISTENCE_NONE, NULL,
					&options))
		return 2;
	rc = connect_to(client, argv);
	if (!rc)
		rc = send_lines(client, argv[5]);
	MQTTAsync_destroy(&client);
	if (rc)
		fprintf(stderr, "paho: %d\n", rc);
	return rc != 0;
}
