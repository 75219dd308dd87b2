"""Takes texts by HTTP, puts them into a queue, and says what became of them: POST /jobs, GET /jobs/NUMBER."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika
import redis

RESULTS = redis.Redis.from_url(os.environ["RESULTS_URL"], decode_responses=True)


def publish(job):
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.queue_declare("jobs", durable=True)
    channel.confirm_delivery()
    stays = pika.BasicProperties(delivery_mode=2)
    channel.basic_publish("", "jobs", json.dumps(job), stays)
    connection.close()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        job = {"number": RESULTS.incr("jobs"), "text": text}
        publish(job)
        self.answer(201, job)

    def do_GET(self):
        result = RESULTS.get("result:" + self.path.rsplit("/", 1)[-1])
        if self.path == "/":
            self.answer(200, {"jobs": int(RESULTS.get("jobs") or 0)})
        elif result is None:
            self.answer(404, {"error": "not done yet"})
        else:
            self.answer(200, json.loads(result))

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
